# In a script __builtins__ is the module; in code run by exec() it is its dictionary.
import builtins
print(type(__builtins__).__name__, __builtins__ is builtins)
