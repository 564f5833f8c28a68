# The generator's position at its start.
import random
print(random.getstate()[0], random.getstate()[1][-1], random.getstate()[2], len(random.getstate()[1]))
