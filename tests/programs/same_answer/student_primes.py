# The sieve of Eratosthenes.
# case: {"stdin": "100\n"}
# case: {"stdin": "1\n"}
n = int(input("up to: "))
sieve = [True] * (n + 1)
for p in range(2, int(n ** 0.5) + 1):
    if sieve[p]:
        for q in range(p * p, n + 1, p):
            sieve[q] = False
print([p for p in range(2, n + 1) if sieve[p]])
