# isinstance with builtins and ABCs.
import collections.abc as c, numbers
print([isinstance([], k) for k in (c.Sequence, c.Iterable, c.Hashable)], isinstance(1.5, numbers.Real), issubclass(bool, numbers.Integral), isinstance({}.keys(), c.KeysView))
