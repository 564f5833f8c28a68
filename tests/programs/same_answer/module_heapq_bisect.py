# Heaps and bisection.
import bisect, heapq
h = [5, 1, 4]; heapq.heapify(h); print(heapq.heappop(h), heapq.nlargest(2, h), bisect.bisect([1, 3, 5], 3), list(heapq.merge([1, 4], [2, 3])))
