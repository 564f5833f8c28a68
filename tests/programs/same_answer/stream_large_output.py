# Output larger than a pipe.
for n in range(30000):
    print(n, "x" * (n % 7))
