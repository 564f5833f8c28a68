# A program can look at its own memory.
with open("/proc/self/mem", "rb") as file:
    print(file.readable())
print(sum("[stack]" in line for line in open("/proc/self/maps")))
