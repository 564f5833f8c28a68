# A warning of the compiler comes once, before the program runs.
x = 3
print("runs")
print(x is 3)
assert (x, "always true")
