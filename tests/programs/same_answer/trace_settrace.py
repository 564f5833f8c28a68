# The first event that a tracer sees, and no frames above the program.
import sys
events = []
def tracer(frame, event, arg):
    events.append((event, frame.f_code.co_name, frame.f_lineno))
    return tracer
def f(x):
    return x + 1
sys.settrace(tracer)
f(1)
sys.settrace(None)
print(events)
