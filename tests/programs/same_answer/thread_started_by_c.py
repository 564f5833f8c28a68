# A thread that threading did not start is a dummy.
import _thread, threading, time
done = []
_thread.start_new_thread(lambda: done.append(type(threading.current_thread()).__name__), ())
while not done: time.sleep(0.001)
print(done)
