# A string without end.
x = "abc
