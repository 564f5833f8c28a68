# input() reads a line without its end.
# case: {"stdin": "first\nsecond\n"}
# case: {"stdin": "first\nlast without end"}
# case: {"stdin": ""}
print(repr(input()))
print(repr(input("prompt> ")))
