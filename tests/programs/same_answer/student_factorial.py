# Recursion with no end for negative numbers.
# case: {"arguments": ["20"]}
# case: {"arguments": ["-1"]}
import sys
def factorial(n):
    return 1 if n == 0 else n * factorial(n - 1)
print(factorial(int(sys.argv[1])))
