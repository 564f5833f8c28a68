# S58: sockets of every family: all are refused by the filter, whatever the kernel knows
# verdict: accepted
# machine: x86_64
# uses: attempts.py
pair = ctypes.create_string_buffer(8)
for family in range(64):
    attempt(f"family {family}", kernel, 41, family, 5, 0, errors=(errno.EPERM,))
    if family != 1:
        attempt(f"a pair of family {family}", kernel, 53, family, 1, 0, pair, errors=(errno.EPERM,))
attempt("a family with more", kernel, 53, 1 << 40 | 2, 1, 0, pair, errors=(errno.EPERM,))
print("done")
