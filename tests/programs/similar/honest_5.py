import sys


def parse(text):
    """All pairs, in order."""
    pairs = []
    position = 0
    lines = text.split("\n")
    while position < len(lines):
        fields = [field for field in lines[position].split(" ") if field]
        position += 1
        if len(fields) == 2:
            pairs.append((fields[0], float(fields[1])))
    return pairs


def collect(pairs):
    names, sums, numbers = [], [], []
    for name, score in pairs:
        if name in names:
            index = names.index(name)
            sums[index] += score
            numbers[index] += 1
        else:
            names.append(name)
            sums.append(score)
            numbers.append(1)
    return names, sums, numbers


def best(remaining):
    top = None
    for candidate in remaining:
        if top is None or candidate[1] > top[1]:
            top = candidate
        elif candidate[1] == top[1] and candidate[0] < top[0]:
            top = candidate
    return top


names, sums, numbers = collect(parse(sys.stdin.read()))
remaining = [(names[i], sums[i] / numbers[i]) for i in range(len(names))]
while remaining:
    chosen = best(remaining)
    remaining.remove(chosen)
    print(f"{chosen[0]}: {chosen[1]:.2f}")
