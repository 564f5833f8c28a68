# Expressions with eval, errors included.
# case: {"stdin": "1 + 2\n2 ** 10\n1 / 0\nfoo\n1 +\nquit\n"}
while (line := input("> ")) != "quit":
    try:
        print(eval(line))
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
