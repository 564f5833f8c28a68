# typing, generics and protocols.
from typing import Generic, Protocol, TypeVar, get_type_hints, runtime_checkable
T = TypeVar("T")
class Box(Generic[T]):
    item: T
@runtime_checkable
class Sized(Protocol):
    def __len__(self) -> int: ...
print(Box[int], get_type_hints(Box), isinstance([], Sized), Box.__orig_bases__)
