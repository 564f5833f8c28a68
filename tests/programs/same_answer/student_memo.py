# Memoisation in a dictionary as a default argument.
def ways(n, memo={0: 1, 1: 1}):
    if n not in memo:
        memo[n] = ways(n - 1) + ways(n - 2)
    return memo[n]
print(ways(80), len(ways.__defaults__[0]))
