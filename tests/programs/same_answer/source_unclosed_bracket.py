# A bracket that nobody closes.
x = (1,
     2
print(x)
