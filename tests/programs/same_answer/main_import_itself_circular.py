# A circular import of itself: the second copy sees the first half-made.
import sys
value = ["begun"]
import program
value.append(__name__)
print(__name__, program.__name__, getattr(program, "value", None))
