# From within a generator that is being consumed.
import sys
def g():
    yield 1
    sys.exit(12)
for x in g():
    print(x)
