# Streams of the program's own over the same descriptors.
import os, sys
with open(1, "w", closefd=False) as out:
    out.write("first\n")
with os.fdopen(os.dup(2), "w") as err:
    err.write("err\n")
sys.stdout.write("second\n")
