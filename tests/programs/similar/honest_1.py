"""Reads lines of a name and a score; prints each name's mean, the best first."""
import sys
from collections import defaultdict


def read_scores(stream):
    scores = defaultdict(list)
    for line in stream:
        parts = line.split()
        if len(parts) != 2:
            continue
        name, value = parts
        scores[name].append(float(value))
    return scores


def mean(values):
    return sum(values) / len(values)


def ranked(scores):
    means = [(mean(values), name) for name, values in scores.items()]
    means.sort(key=lambda pair: (-pair[0], pair[1]))
    return means


def main():
    scores = read_scores(sys.stdin)
    for value, name in ranked(scores):
        print(f"{name}: {value:.2f}")


main()
