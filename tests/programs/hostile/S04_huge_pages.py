# S4: memory in huge pages, which no limit of memory counts
# verdict: accepted
# machine: x86_64
# uses: attempts.py
for size_bits in (0, 21, 30):
    flags = 0x22 | 0x40000 | size_bits << 26  # MAP_PRIVATE, MAP_ANONYMOUS, MAP_HUGETLB and a size
    attempt(f"mmap {size_bits}", kernel, 9, 0, 2 << 20, 3, flags, -1, 0, errors=(errno.EPERM,))
attempt("memfd_create", kernel, 319, b"huge", 4, errors=(errno.EPERM,))
print("done")
