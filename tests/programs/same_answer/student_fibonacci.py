# Fibonacci numbers, iterated.
# case: {"arguments": ["0"]}
# case: {"arguments": ["30"]}
# case: {"arguments": ["300"]}
import sys
a, b = 0, 1
for _ in range(int(sys.argv[1])):
    a, b = b, a + b
print(a)
