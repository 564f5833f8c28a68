# A program that measures itself.
import time
began = time.time()
total = sum(n * n for n in range(20000))
took = time.time() - began
print(total, 0 <= took < 5)
