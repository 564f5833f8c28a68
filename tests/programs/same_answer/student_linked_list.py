# A linked list with an iterator.
class Node:
    def __init__(self, value, next=None): self.value, self.next = value, next
class Linked:
    def __init__(self, values):
        self.head = None
        for value in reversed(values): self.head = Node(value, self.head)
    def __iter__(self):
        node = self.head
        while node:
            yield node.value
            node = node.next
print(list(Linked([1, 2, 3])), sum(Linked(range(10))))
