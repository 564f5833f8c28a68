# The towers of Hanoi.
def move(n, a, b, c):
    if n:
        yield from move(n - 1, a, c, b)
        yield a + b
        yield from move(n - 1, c, b, a)
print(*move(5, "A", "C", "B"))
