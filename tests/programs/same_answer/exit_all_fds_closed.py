# All three descriptors closed.
# silent
import os
os.closerange(0, 3)
