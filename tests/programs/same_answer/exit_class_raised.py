# `raise SystemExit` without a value.
print("x", flush=True)
raise SystemExit
