# Producer and consumer.
import queue, threading
q = queue.Queue(3)
def produce():
    for n in range(10): q.put(n)
    q.put(None)
threading.Thread(target=produce).start()
print(list(iter(q.get, None)))
