# pydoc's text of the module itself.
"""Module text."""
import pydoc, sys
def f(x):
    """A function."""
print(pydoc.render_doc(f, renderer=pydoc.plaintext))
