# Enumerations.
import enum
class Color(enum.Enum): RED = 1; BLUE = enum.auto()
class P(enum.Flag): R = 4; W = 2
print(list(Color), Color(1), Color["BLUE"].value, P.R | P.W, repr(P(6)), Color.RED in Color); Color(9)
