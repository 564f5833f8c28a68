# readable, writable, seekable: standard output is a pipe.
import sys
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.readable(), stream.writable(), stream.buffer.raw.seekable())
