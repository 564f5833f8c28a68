# Caches and partials.
import functools
@functools.lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(100), fib.cache_info(), functools.reduce(lambda a, b: a * b, range(1, 10)), functools.partial(int, base=2)("101"))
@functools.singledispatch
def show(x): return "object"
@show.register
def _(x: int): return "int"
print(show(1), show("a"))
