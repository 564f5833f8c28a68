# The traceback of a job comes out at result().
import concurrent.futures
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    future = pool.submit(int, "x")
print(repr(future.exception()))
future.result()
