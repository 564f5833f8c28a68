# abort() ends by SIGABRT, without anything that was buffered.
# silent
import os
print("lost")
os.abort()
