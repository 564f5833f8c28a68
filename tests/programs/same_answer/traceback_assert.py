# assert is not optimised away.
assert 1 + 1 == 3, ("sum", 1 + 1)
