# A loop to the end of the input.
# case: {"stdin": "3\n1 2\n\n4"}
total = 0
while True:
    try:
        line = input()
    except EOFError:
        break
    total += sum(map(int, line.split()))
print(total)
