# Universal newlines on the way in; bytes as they are.
# case: {"stdin": "a\r\nb\r\n"}
import sys
print(repr(sys.stdin.readline()), repr(sys.stdin.newlines))
print(repr(sys.stdin.read()), repr(sys.stdin.newlines))
