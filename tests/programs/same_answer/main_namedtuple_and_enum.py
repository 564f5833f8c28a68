# Both find their module by looking at the caller's frame.
import collections
import enum
P = collections.namedtuple("P", "x y")
E = enum.Enum("E", "A B")
print(P.__module__, E.__module__, P(1, 2), E.A, repr(E.B))
