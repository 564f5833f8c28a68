# Numbers on one line of input.
# case: {"stdin": "48 36\n"}
# case: {"stdin": "48\n"}
a, b = map(int, input().split())
while b:
    a, b = b, a % b
print(a)
