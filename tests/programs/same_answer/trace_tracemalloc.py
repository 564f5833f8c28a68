# tracemalloc starts from nothing.
import tracemalloc
print(tracemalloc.is_tracing(), tracemalloc.get_traced_memory())
tracemalloc.start()
x = bytearray(100000)
print(tracemalloc.get_traced_memory()[0] >= 100000, tracemalloc.get_object_traceback(x)[0].lineno)
