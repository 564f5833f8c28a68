"""A docstring after a byte-order mark."""
# A runner that reads the text itself must drop the mark.
print(__doc__)
raise ValueError('line 4')
