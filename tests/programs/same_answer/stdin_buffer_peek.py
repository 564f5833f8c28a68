# peek and read1.
# case: {"stdin": "hello\nworld\n"}
import sys
print(sys.stdin.buffer.peek()[:5], sys.stdin.buffer.read1(3), sys.stdin.buffer.readline())
