# Objects that are no integers are printed on standard error, and the code is 1.
# case: {"arguments": ["'a text\\n'"]}
# case: {"arguments": ["None"]}
# case: {"arguments": ["()"]}
# case: {"arguments": ["(3,)"]}
# case: {"arguments": ["3.0"]}
# case: {"arguments": ["'\\ud800 é'"]}
# case: {"arguments": ["{1: 2}"]}
import sys
print("before")
sys.exit(eval(sys.argv[1]))
