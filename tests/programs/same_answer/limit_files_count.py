# More files than the directory takes.
import os
n = 0
try:
    while True:
        os.mkdir(str(n))
        n += 1
except OSError as error:
    print(n, error)
