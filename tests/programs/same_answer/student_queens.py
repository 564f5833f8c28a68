# Six queens by backtracking.
def place(n, queens=()):
    if len(queens) == n:
        return [queens]
    return [s for c in range(n) if all(c != q and abs(c - q) != len(queens) - i for i, q in enumerate(queens))
            for s in place(n, queens + (c,))]
print(place(6))
