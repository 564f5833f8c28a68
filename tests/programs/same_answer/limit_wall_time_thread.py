# A thread that keeps the program from ending.
# limits: {"wall_time_s": 0.5}
import threading
threading.Thread(target=threading.Event().wait).start()
print("main done", flush=True)
