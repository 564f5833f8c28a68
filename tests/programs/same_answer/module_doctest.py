# doctest looks at the module __main__.
"""
>>> double(2)
4
>>> double("a")
'aaa'
"""
import doctest
def double(x):
    """
    >>> double(3)
    6
    """
    return x * 2
print(doctest.testmod())
