# /dev/stdin opened anew begins at the start of the input.
# case: {"stdin": "one\ntwo\n"}
import sys
print(sys.stdin.readline())
try:
    with open("/dev/stdin") as file:
        print(file.read())
except OSError as error:
    print(type(error).__name__, error.errno)
