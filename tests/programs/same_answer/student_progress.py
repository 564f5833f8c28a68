# A progress bar over standard error.
import sys
for n in range(0, 101, 25):
    print(f"\r{n:3}%", end="", file=sys.stderr)
print("\ndone")
