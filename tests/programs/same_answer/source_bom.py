# A byte-order mark before the first line.
print('café', repr(__doc__))
