# Calls as cProfile counts them.
import cProfile, pstats, io
def f(n): return n if n < 2 else f(n - 1) + f(n - 2)
p = cProfile.Profile(); p.runcall(f, 10)
stats = pstats.Stats(p)
print(stats.total_calls, stats.prim_calls)
