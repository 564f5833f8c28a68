# A program for Python 2.
print "hello"
