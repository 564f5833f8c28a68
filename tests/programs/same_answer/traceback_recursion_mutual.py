# How deep it goes before it fails is the same number of frames.
depth = 0
def f():
    global depth
    depth += 1
    f()
try:
    f()
except RecursionError as error:
    print(depth, error)
