# A program that breaks its builtins breaks nobody else.
import builtins
del builtins.len
try:
    len([])
except NameError as error:
    print(error)
print(sum([1, 2]))
