# Standard input is a file one can go back in, or not, at all levels.
# case: {"stdin": "one\ntwo\n"}
# case: {}
import sys
print(repr(sys.stdin.readline()), sys.stdin.seekable())
try:
    sys.stdin.seek(0)
    print(repr(sys.stdin.read()), sys.stdin.buffer.tell())
except OSError as error:
    print(type(error).__name__, error)
