# f-strings with nesting, formats and the debug form.
x, width = 3.14159, 10
print(f"{x:{width}.2f}|{x!r}|{x=}|{{}}|{[n for n in range(3)]}")
