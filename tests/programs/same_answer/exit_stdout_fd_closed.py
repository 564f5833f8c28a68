# Output that cannot be flushed at exit: a message, and exit code 120.
import os
print("lost")
os.close(1)
