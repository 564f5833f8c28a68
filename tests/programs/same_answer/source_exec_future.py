# A compiler flag of the program's is handed on to exec.
from __future__ import annotations
exec("def f(a: undefined): ...")
print(f.__annotations__)
