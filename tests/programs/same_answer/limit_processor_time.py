# Too much time: the same ending.
# limits: {"cpu_time_s": 0.3}
# silent
while True:
    pass
