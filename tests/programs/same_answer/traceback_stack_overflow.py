# A stack that really overflows.
import sys
sys.setrecursionlimit(10**9)
class C:
    def __getattr__(self, name):
        return getattr(self, name + "x"[:0])
print("before", flush=True)
def f(x):
    return sorted([x], key=f)
f(1)
