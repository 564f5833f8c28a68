# Standard output waits in its buffer while standard error goes out: seen through one pipe.
import os, sys
os.dup2(1, 2)
print("out 1")
print("err 1", file=sys.stderr)
print("out 2", flush=True)
print("err 2", file=sys.stderr)
print("out 3")
