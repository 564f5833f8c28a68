# Caches of the interpreter behave alike.
import sys
a = "".join(["ab", "cd"])
n, m = 256, 257
print(sys.intern(a) == a, n is int("256"), m is int("257"))
