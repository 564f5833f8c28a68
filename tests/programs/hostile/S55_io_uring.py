# S55: io_uring, whose requests no filter sees
# verdict: accepted
# machine: x86_64
# uses: attempts.py
attempt("io_uring_setup", kernel, 425, 8, ctypes.create_string_buffer(120), errors=(errno.ENOSYS,))
attempt("io_uring_enter", kernel, 426, 0, 0, 0, 0, None, 0, errors=(errno.ENOSYS,))
attempt("io_uring_register", kernel, 427, 0, 0, None, 0, errors=(errno.ENOSYS,))
attempt("io_setup", kernel, 206, 8, ctypes.create_string_buffer(8), errors=(errno.EPERM,))
print("done")
