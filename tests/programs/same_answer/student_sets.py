# Set operations in printed order.
a, b = set("alphabet"), set("beta")
print(a - b, a & b, a | b, a ^ b, sorted(a))
