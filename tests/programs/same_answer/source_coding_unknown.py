# coding: no-such-encoding
# An encoding that there is not.
print('x')
