# The program's own end, code by code.
# case: {"arguments": ["0"]}
# case: {"arguments": ["1"]}
# case: {"arguments": ["3"]}
# case: {"arguments": ["255"]}
# case: {"arguments": ["256"]}
# case: {"arguments": ["-1"]}
# case: {"arguments": ["4294967296"]}
# case: {"arguments": ["99999999999999999999"]}
import sys
print("leaving")
sys.exit(int(sys.argv[1]))
