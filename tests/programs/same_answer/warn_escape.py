# An unknown escape in a literal.
print("\d", len("\w"))
