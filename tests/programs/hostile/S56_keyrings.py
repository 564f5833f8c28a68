# S56: keyrings
# verdict: accepted
# machine: x86_64
# uses: attempts.py
for ring in (-1, -2, -3, -4, -5):
    attempt(f"add_key {ring}", kernel, 248, b"user", b"message", b"x", 1, ring, errors=(errno.ENOSYS,))
    attempt(f"keyctl {ring}", kernel, 250, 0, ring, 1, errors=(errno.ENOSYS,))
attempt("request_key", kernel, 249, b"user", b"message", None, -3, errors=(errno.ENOSYS,))
attempt("join a session", kernel, 250, 1, None, errors=(errno.ENOSYS,))
print("done")
