# sys.stderr closed, then an exception.
# normalise: 0x[0-9a-f]+ (an address)
import sys
print("out")
sys.stderr.close()
raise ValueError("unseen")
