# The last line is a comment without an end.
print('x')
# end