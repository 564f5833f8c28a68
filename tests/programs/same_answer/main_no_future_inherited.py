# exec() in a module with `from __future__ import annotations` compiles the program with it too.
def f(a: int) -> 3 + 4: ...
print(f.__annotations__)
try:
    def g(a: undefined): ...
except NameError as error:
    print(error)
