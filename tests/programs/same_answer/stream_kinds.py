# Streams made by a runner differ from those of a start in class, name, mode or encoding.
import sys
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(type(stream).__name__, stream.name, stream.mode, stream.encoding, stream.errors, stream.newlines)
    print(stream.line_buffering, stream.write_through, stream.isatty(), stream.fileno(), stream.closed)
    print(type(stream.buffer).__name__, type(stream.buffer.raw).__name__, stream.buffer.raw.name, stream.buffer.raw.mode)
