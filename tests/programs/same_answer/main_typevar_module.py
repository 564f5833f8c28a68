# typing objects note the module of the frame that made them.
from typing import NewType, TypedDict, TypeVar
T = TypeVar("T")
N = NewType("N", int)
D = TypedDict("D", {"a": int})
print(T.__module__, N.__module__, D.__module__, N)
