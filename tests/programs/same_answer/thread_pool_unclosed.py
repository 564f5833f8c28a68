# A pool that is not shut down: what waits is still done at exit.
import concurrent.futures, time
pool = concurrent.futures.ThreadPoolExecutor(1)
for n in range(3):
    pool.submit(lambda n=n: (time.sleep(0.005), print("job", n)))
print("main done")
