# timeit runs.
import timeit
print(timeit.timeit("x += 1", "x = 0", number=100) < 5)
