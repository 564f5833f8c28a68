# Cycles are collected, with their finalisers.
import gc
class C:
    def __del__(self): print("del")
c = C(); c.c = c; del c
print(gc.collect() > 0)
