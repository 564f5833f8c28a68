# The collector runs by itself after so many objects.
import gc
seen = []
gc.callbacks.append(lambda phase, info: seen.append((phase, info["generation"])))
keep = [[] for _ in range(5000)]
print(("start", 0) in seen, len(seen) > 2)
