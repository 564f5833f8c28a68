# An exception in a thread leaves the exit code 0.
# normalise: 0x[0-9a-f]+ (an address)
import threading
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
print("exit code 0")
