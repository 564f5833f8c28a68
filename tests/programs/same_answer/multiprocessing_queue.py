# Queues, locks and values.
import multiprocessing
def worker(source, target, value):
    for n in iter(source.get, None):
        target.put(n + 1)
    with value.get_lock(): value.value += 1
if __name__ == "__main__":
    a, b, v = multiprocessing.Queue(), multiprocessing.Queue(), multiprocessing.Value("i", 0)
    p = multiprocessing.Process(target=worker, args=(a, b, v)); p.start()
    for n in (1, 2, None): a.put(n)
    print(b.get(), b.get()); p.join(); print(v.value)
