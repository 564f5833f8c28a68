# Too much memory at once.
print("begun", flush=True)
x = b"x" * (300 << 20)
