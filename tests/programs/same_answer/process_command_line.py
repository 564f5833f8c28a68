# The command line that the kernel shows: a fork has its zygote's.
# case: {}
# case: {"arguments": ["one", "two words"]}
print(open("/proc/self/cmdline", "rb").read().split(b"\0"))
