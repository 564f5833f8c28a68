# Wrong indentation.
if True:
print("x")
