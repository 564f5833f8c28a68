# The input as a map in memory, if it is a file.
# case: {"stdin": "mapped\n"}
import mmap
with mmap.mmap(0, 0, access=mmap.ACCESS_READ) as view:
    print(view[:])
