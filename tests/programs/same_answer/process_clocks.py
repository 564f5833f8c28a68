# Clocks go forward; the difference of two is what passes.
import time
a, b, c = time.time(), time.monotonic(), time.perf_counter()
time.sleep(0.01)
print(time.time() - a < 5, 0.01 <= time.monotonic() - b < 5, 0.01 <= time.perf_counter() - c < 5)
print(time.tzname, time.timezone, time.daylight, time.get_clock_info("monotonic").resolution)
