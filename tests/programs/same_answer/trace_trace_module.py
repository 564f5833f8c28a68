# The trace module counts lines.
import trace
def f():
    for n in range(3):
        pass
t = trace.Trace(count=1, trace=0)
t.runfunc(f)
print(sorted((line, count) for (_, line), count in t.results().counts.items()))
