# Work shared among threads with a lock.
import threading
total, lock = 0, threading.Lock()
def add(numbers):
    global total
    for n in numbers:
        with lock:
            total += n
threads = [threading.Thread(target=add, args=(range(k, 4000, 4),)) for k in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(total)
