# A file beyond the limit: the signal is ignored, the write fails.
with open("big", "wb") as file:
    try:
        for _ in range(100):
            file.write(b"x" * (1 << 20))
            file.flush()
    except OSError as error:
        print(error)
    print(file.tell() >> 20 if not file.closed else "")
