import sys

totals = {}
counts = {}
for line in sys.stdin.read().splitlines():
    line = line.strip()
    if not line:
        continue
    try:
        who, points = line.split(" ")
        points = float(points)
    except ValueError:
        continue
    if who not in totals:
        totals[who] = 0
        counts[who] = 0
    totals[who] += points
    counts[who] += 1

result = []
for who in totals:
    result.append([totals[who] / counts[who], who])

# bubble sort, since that is what we had in the lecture
for i in range(len(result)):
    for j in range(len(result) - 1):
        if result[j][0] < result[j + 1][0] or (result[j][0] == result[j + 1][0] and result[j][1] > result[j + 1][1]):
            result[j], result[j + 1] = result[j + 1], result[j]

for average, who in result:
    print("%s: %.2f" % (who, average))
