# __import__ of the builtins is what an import statement calls.
import builtins
real = builtins.__import__
seen = []
def spy(name, *args, **kwargs):
    seen.append(name)
    return real(name, *args, **kwargs)
builtins.__import__ = spy
import bisect
from heapq import heappush
print(seen[:1], "heapq" in seen, type(builtins.__import__).__name__)
