# All kinds of line ends in one file.
x = 1
y = 2print(x + y)
1 / 0
