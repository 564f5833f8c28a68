# S4: allocates until death
# verdict: memory_limit_exceeded
held = []
while True:
    held.append(b"x" * (1 << 20))
