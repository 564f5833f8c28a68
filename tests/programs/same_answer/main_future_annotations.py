# A runner compiled with flags of its own would hand them on to the program, or lose the program's.
from __future__ import annotations
def f(a: int, b: nothing_like_this) -> str: ...
print(f.__annotations__)
x: undefined = 3
print(__annotations__)
