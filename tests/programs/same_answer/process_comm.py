# The process's name.
print(open("/proc/self/comm").read())
