# Many digits.
print(2 ** 1000, 7 ** 77 % 10 ** 9, len(str(3 ** 5000)))
