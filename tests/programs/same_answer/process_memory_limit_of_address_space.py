# The ceiling of the address space.
import mmap
try:
    mmap.mmap(-1, 8 << 30)
except OSError as error:
    print(error)
print(len(mmap.mmap(-1, 256 << 20)))
