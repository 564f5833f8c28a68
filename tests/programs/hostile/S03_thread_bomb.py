# S3: threads until the kernel refuses
# verdict: runtime_error exit 1
import threading
import time

while True:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
