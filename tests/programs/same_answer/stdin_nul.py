# NUL in the input.
# case: {"stdin": "a\u0000b\n"}
print(repr(input()))
