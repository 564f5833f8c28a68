# Exactly as much as is allowed.
# limits: {"output_bytes": 5000}
print("x" * 4999)
