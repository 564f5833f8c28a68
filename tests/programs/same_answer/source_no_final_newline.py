# The last line has no end.
if True:
    print('last')