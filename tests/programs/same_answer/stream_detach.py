# detach leaves an object that cannot be used.
import sys
buffer = sys.stdout.detach()
buffer.write(b"through the buffer\n")
try:
    sys.stdout.write("x")
except ValueError as error:
    buffer.write(str(error).encode())
