# The example of this project's documentation.
# case: {"arguments": ["3"]}
# case: {"arguments": ["-12"]}
# case: {"arguments": ["1.5"]}
import sys
n = int(sys.argv[1])
print(n * n)
