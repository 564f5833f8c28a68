# The classical surprise with shared lists.
grid = [[0] * 3] * 2
grid[0][0] = 1
print(grid)
def f(x=[]):
    x.append(1)
    return x
print(f(), f())
