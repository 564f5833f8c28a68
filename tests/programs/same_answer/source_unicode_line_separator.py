# Line separators of Unicode are no line ends of a source.
x = 'a bc'
print(ascii(x))
1 / 0
