# dataclasses look up sys.modules[cls.__module__] for string annotations.
from __future__ import annotations
from dataclasses import dataclass, field
from typing import ClassVar
@dataclass(order=True)
class Item:
    kind: ClassVar[str] = "x"
    name: str
    price: float = 1.0
    tags: list[str] = field(default_factory=list)
print(Item("a"), Item("a") < Item("b"), Item.__dataclass_fields__.keys())
