# In C code that no signal handler of Python interrupts.
# limits: {"cpu_time_s": 0.3}
print("begun", flush=True)
10 ** 10 ** 8
