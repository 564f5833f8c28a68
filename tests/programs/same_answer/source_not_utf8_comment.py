# The same in a comment only.
# café
print('x')
