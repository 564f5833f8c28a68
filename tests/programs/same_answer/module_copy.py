# copy and deepcopy.
import copy
class N:
    def __init__(self, v, n=None): self.v, self.n = v, n
a = N([1], N([2])); b = copy.deepcopy(a); c = copy.copy(a)
a.v.append(9); print(b.v, c.v, b.n is a.n, c.n is a.n)
