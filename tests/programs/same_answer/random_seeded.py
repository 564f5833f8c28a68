# Seeded generators are the same everywhere.
import random
random.seed(42)
print(random.random(), random.randint(1, 6), random.sample(range(100), 5), random.gauss(0, 1), random.choice("abc"))
