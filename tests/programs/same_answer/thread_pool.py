# concurrent.futures with threads: names and results; workers are joined at exit.
import concurrent.futures, threading
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    print(list(pool.map(lambda n: n * n, range(5))), pool.submit(lambda: threading.current_thread().name[:20]).result())
