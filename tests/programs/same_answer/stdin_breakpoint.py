# breakpoint() reads commands from standard input.
# case: {"stdin": "p x\nw\nc\n"}
# case: {}
x = 41
breakpoint()
print("after", x)
