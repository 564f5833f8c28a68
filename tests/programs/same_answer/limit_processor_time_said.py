# With output before it.
# limits: {"cpu_time_s": 0.3}
print("begun", flush=True)
while True:
    pass
