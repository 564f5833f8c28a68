# A type comment and a semicolon or two.
x = 1  # type: ignore
y = 2; z = 3;
print(x, y, z)
