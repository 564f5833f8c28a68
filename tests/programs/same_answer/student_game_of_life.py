# Three generations.
cells = {(1, 0), (1, 1), (1, 2)}
for _ in range(3):
    print("\n".join("".join("#" if (x, y) in cells else "." for x in range(4)) for y in range(4)), end="\n\n")
    near = {}
    for x, y in cells:
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                if dx or dy: near[x + dx, y + dy] = near.get((x + dx, y + dy), 0) + 1
    cells = {c for c, n in near.items() if n == 3 or n == 2 and c in cells}
