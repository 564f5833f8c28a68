# Too much memory in small parts.
print("begun", flush=True)
x = []
while True:
    x.append(bytes(1 << 20) + b"x" * (1 << 20))
