# Every print flushed.
for n in range(200):
    print(n, end=" ", flush=True)
