# Numbers to Roman numerals.
# case: {"arguments": ["1994"]}
# case: {"arguments": ["0"]}
# case: {"arguments": ["abc"]}
import sys
n, out = int(sys.argv[1]), ""
for value, letters in zip((1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1), "M CM D CD C XC L XL X IX V IV I".split()):
    out += letters * (n // value)
    n %= value
print(out or "nulla")
