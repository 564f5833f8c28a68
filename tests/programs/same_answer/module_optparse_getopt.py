# Older ways to read arguments.
# case: {"arguments": ["-a", "1", "rest"]}
# case: {"arguments": ["-b"]}
import getopt, optparse, sys
try:
    print(getopt.getopt(sys.argv[1:], "a:"))
except getopt.GetoptError as error:
    print(error)
parser = optparse.OptionParser()
parser.add_option("-a")
print(parser.parse_args()[1])
