# Iterators.
import itertools as it
print(list(it.permutations("abc", 2)), list(it.accumulate([1, 2, 3])), [(k, list(g)) for k, g in it.groupby("aabbb")], list(it.islice(it.count(5, 2), 3)))
