# exit() of site closes standard input first.
import sys
print("before")
try:
    exit(4)
finally:
    print(sys.stdin.closed)
