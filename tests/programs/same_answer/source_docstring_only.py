# A docstring and nothing else.
# silent
"""Nothing."""
