# How much the text layer reads ahead of the descriptor.
# case: {"stdin": "one\ntwo\nthree\n"}
import os, sys
print(repr(sys.stdin.readline()))
print(os.read(0, 100))
