# Odd names in the namespace.
__all__ = ["a"]
__version__ = "1"
a = 1
print(sorted(k for k in globals() if k.startswith("__")))
