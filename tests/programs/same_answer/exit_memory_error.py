# A MemoryError is an exception like others.
try:
    x = bytearray(1 << 40)
except MemoryError as error:
    print("caught", error.args)
raise MemoryError("mine")
