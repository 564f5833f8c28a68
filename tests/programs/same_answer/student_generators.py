# Pipelines of generators.
def numbers():
    n = 0
    while True:
        yield n
        n += 1
def take(n, it):
    return [next(it) for _ in range(n)]
print(take(5, (x * x for x in numbers() if x % 2)))
