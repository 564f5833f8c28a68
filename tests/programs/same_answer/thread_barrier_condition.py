# Barrier and Condition.
import threading
barrier, lock, out = threading.Barrier(3), threading.Lock(), []
def f(n):
    barrier.wait()
    with lock: out.append(n)
threads = [threading.Thread(target=f, args=(n,)) for n in range(3)]
for t in threads: t.start()
for t in threads: t.join()
print(sorted(out), barrier.broken)
