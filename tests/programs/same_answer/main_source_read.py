# The source that a program opens must be what was uploaded.
with open(__file__, encoding="utf-8") as file:
    lines = file.read().splitlines()
print(len(lines), lines[0])
