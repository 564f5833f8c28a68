# A long text over lines.
text = """
  first
    second\tthird
"""
print(repr(text), len(text.splitlines()))
