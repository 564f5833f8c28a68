# A stack size of the program's own, and recursion in it.
import sys, threading
sys.setrecursionlimit(20000)
threading.stack_size(16 << 20)
def f(n): return n if n == 0 else f(n - 1)
t = threading.Thread(target=lambda: print(f(15000))); t.start(); t.join()
