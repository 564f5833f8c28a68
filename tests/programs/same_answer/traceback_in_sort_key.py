# Through C code and back.
sorted([3, 1, "x"], key=lambda v: v + 1)
