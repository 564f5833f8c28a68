# Standard error is written line by line.
import os, sys
sys.stderr.write("a line\n")
sys.stderr.write("half a line")
os._exit(0)
