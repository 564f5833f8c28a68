# What is allowed is allowed: a zygote's own pages must not count.
x = b"x" * (90 << 20)
print(len(x))
