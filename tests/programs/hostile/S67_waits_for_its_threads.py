# S67: goes on after its end: a thread that the interpreter waits for
# verdict: wall_time_limit_exceeded
import threading
import time

threading.Thread(target=time.sleep, args=(1000,)).start()
print("done", flush=True)
