# Async syntax without a loop.
async def f():
    return 1
try:
    f().send(None)
except StopIteration as stop:
    print(stop.value)
