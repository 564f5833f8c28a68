# The name in a usage line is that of the program's file.
# case: {"arguments": ["--help"]}
# case: {"arguments": ["3", "--power", "2"]}
# case: {"arguments": []}
# case: {"arguments": ["x"]}
# case: {"arguments": ["1", "--nothing"]}
import argparse
parser = argparse.ArgumentParser(description="Powers.")
parser.add_argument("number", type=int)
parser.add_argument("--power", type=int, default=3, help="the exponent (default: %(default)s)")
options = parser.parse_args()
print(options.number ** options.power)
