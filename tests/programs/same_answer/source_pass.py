# One statement that does nothing.
# silent
pass
