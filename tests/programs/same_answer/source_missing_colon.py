# A hint of the parser.
for n in range(3)
    print(n)
