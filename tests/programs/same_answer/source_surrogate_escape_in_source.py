# Characters beyond the basic plane, and those that join.
x = '🐍👩‍👩‍👧'
print(x, len(x), x.encode())
raise ValueError(x)
