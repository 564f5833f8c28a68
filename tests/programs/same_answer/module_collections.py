# Counter, deque, defaultdict, OrderedDict, ChainMap.
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
print(Counter("mississippi").most_common(), deque(range(5), 3), defaultdict(list, a=[1]), OrderedDict(b=1, a=2), ChainMap({1: 2}, {3: 4}))
