# With a fixed hash seed sets of strings have one order.
print({"apple", "banana", "cherry", "date"}, hash("a"), hash(b"b"), hash(3.5), hash((1, "x")))
