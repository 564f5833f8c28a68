# Sets of words in their order.
words = "the quick brown fox jumps over the lazy dog".split()
print(set(words), {w: len(w) for w in set(words)}, sorted(set(words)))
