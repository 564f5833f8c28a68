# When text without a line end leaves standard error.
import os, sys
sys.stderr.write("half")
sys.stderr.flush()
sys.stderr.write(" lost?")
os._exit(1)
