# get_type_hints resolves names in sys.modules[__module__].__dict__.
import typing
class Node:
    next: "Node | None"
    value: "int"
def f(node: "Node") -> "list[Node]": ...
print(typing.get_type_hints(Node))
print(typing.get_type_hints(f))
