# More open files than are allowed.
files = [open("/dev/null") for _ in range(300)]
