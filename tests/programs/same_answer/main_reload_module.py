# A reload of a module works on the object that everybody holds.
import importlib
import textwrap
before = textwrap.dedent
textwrap.extra = 1
again = importlib.reload(textwrap)
print(again is textwrap, textwrap.dedent is before, textwrap.extra)
