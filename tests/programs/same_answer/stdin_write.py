# Standard input cannot be written.
import os, sys
try:
    os.write(0, b"x")
    print("written")
except OSError as error:
    print(error)
print(sys.stdin.writable())
