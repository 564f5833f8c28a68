# A file larger than is allowed.
with open("big", "wb") as file:
    file.write(b"x" * (5 << 20))
