# Input larger than any buffer, in sum.
# case: {"stdin": "1 2 3 4 5 6 7 8 9 10\n11 12 13 14 15 16 17 18 19 20\n"}
import sys
data = sys.stdin.read() * 500
print(sum(map(int, data.split())))
