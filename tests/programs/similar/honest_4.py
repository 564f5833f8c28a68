from statistics import fmean
from itertools import groupby
from operator import itemgetter


def rows():
    while True:
        try:
            row = input().split()
        except EOFError:
            return
        if len(row) == 2:
            yield row[0], float(row[1])


table = []
for name, group in groupby(sorted(rows()), key=itemgetter(0)):
    table.append((name, fmean(score for _, score in group)))
for name, score in sorted(table, key=lambda entry: (-entry[1], entry[0])):
    print(name + ":", format(score, ".2f"))
