# Carets under the part that failed.
data = {"a": {"b": None}}
print(data["a"]["b"]["c"]["d"] + (1 + 2) * 3)
