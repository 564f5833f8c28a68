# Recursion through C code has a limit too.
x = []
for _ in range(5000):
    x = [x]
try:
    print(len(repr(x)))
except RecursionError as error:
    print(error)
import json
try:
    json.dumps(x)
except RecursionError as error:
    print("json:", error)
