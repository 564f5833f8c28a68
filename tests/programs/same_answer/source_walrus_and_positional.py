# Newer syntax.
def f(a, /, *, b): return a, b
if (n := len("abc")) > 2:
    print(n, f(1, b=2), [y := 1, y ** 2])
