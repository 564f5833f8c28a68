# Matrix product with lists.
def product(a, b):
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]
m = [[1, 2], [3, 4]]
for row in product(m, product(m, m)):
    print(*row)
