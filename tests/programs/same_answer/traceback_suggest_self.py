# NameError at the top, with a suggestion.
elephant = 1
print(elefant)
