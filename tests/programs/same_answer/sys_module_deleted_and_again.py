# Deleting a module from sys.modules and importing it anew gives another object.
import sys
import string
first = string
del sys.modules["string"]
import string
print(first is string, string.digits)
