# A ValueError that shows the input.
# case: {"stdin": "twelve\n"}
print(int(input()) + 1)
