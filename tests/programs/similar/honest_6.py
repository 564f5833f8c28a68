import sys

d = {}
for line in sys.stdin:
    a = line.split()
    if len(a) == 2:
        d.setdefault(a[0], []).append(float(a[1]))
for k in sorted(d, key=lambda k: (-sum(d[k]) / len(d[k]), k)):
    print("%s: %.2f" % (k, sum(d[k]) / len(d[k])))
