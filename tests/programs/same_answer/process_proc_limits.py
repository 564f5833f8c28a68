# The kernel's own list of limits.
print(open("/proc/self/limits").read())
