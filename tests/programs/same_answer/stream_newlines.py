# Nothing is translated on the way out.
import sys
sys.stdout.write("unix\nmac\rdos\r\n\x85\u2028end")
