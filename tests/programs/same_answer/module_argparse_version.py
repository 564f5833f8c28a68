# Version to standard output, code 0.
# case: {"arguments": ["--version"]}
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--version", action="version", version="%(prog)s 1.0")
parser.parse_args()
