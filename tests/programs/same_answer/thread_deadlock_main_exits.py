# A thread that waits for ever, as a daemon, while the main thread raises.
import threading
lock = threading.Lock()
lock.acquire()
threading.Thread(target=lock.acquire, daemon=True).start()
raise SystemExit("leaving it")
