# S68: breaks its own interpreter
# case null: runtime_error signal 11
# case recursion: runtime_error
# case trace: accepted
# case after: accepted
import ctypes
import sys
import threading

if sys.argv[1] == "null":
    ctypes.string_at(0)
elif sys.argv[1] == "recursion":
    sys.setrecursionlimit(10**9)
    nested = []
    for _ in range(300_000):
        nested = [nested]
    repr(nested)
elif sys.argv[1] == "trace":

    def trace(*_):
        return trace

    sys.settrace(trace)
    sys.setprofile(trace)
    threading.settrace(trace)
print("done")
