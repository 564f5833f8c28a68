# A cipher over standard input.
# case: {"stdin": "3\nHello, World!\n"}
shift, text = int(input()), input()
for c in text:
    if c.isalpha():
        base = ord("A") if c.isupper() else ord("a")
        c = chr((ord(c) - base + shift) % 26 + base)
    print(c, end="")
print()
