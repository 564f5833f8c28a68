# Breadth first search.
from collections import deque
graph = {"A": ["B", "C"], "B": ["D"], "C": ["D", "E"], "D": ["F"], "E": ["F"], "F": []}
queue, seen = deque([("A", ["A"])]), {"A"}
while queue:
    node, path = queue.popleft()
    if node == "F": print(path)
    for other in graph[node]:
        if other not in seen:
            seen.add(other); queue.append((other, path + [other]))
