# __doc__ would be the runner's docstring, or None.
"""A program with a docstring."""
print(repr(__doc__))
