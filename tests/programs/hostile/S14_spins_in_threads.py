# S14: spins in threads that need no interpreter lock
# verdict: time_limit_exceeded
import hashlib
import threading

for _ in range(4):
    threading.Thread(target=hashlib.pbkdf2_hmac, args=("sha256", b"", b"", 10**9), daemon=True).start()
hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
