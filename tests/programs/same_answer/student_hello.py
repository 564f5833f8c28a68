# The first program of all.
print("Hello, world!")
