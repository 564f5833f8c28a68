# Their reprs.
import sys
print(sys.stdin, sys.stdout, sys.stderr)
print(sys.stdin.buffer, sys.stdout.buffer.raw, sys.stderr.buffer.raw)
