# sys.__stdout__ and its brothers are the same objects.
import sys
print(sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__)
print(sys.stdout.buffer.raw.closefd, sys.stdin.buffer.raw.closefd, sys.stderr.buffer.raw.closefd)
