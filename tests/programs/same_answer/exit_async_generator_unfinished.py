# An async generator that nobody finishes, without a loop.
async def g():
    try:
        yield 1
    finally:
        print("closed")
it = g()
try:
    it.asend(None).send(None)
except StopIteration as stop:
    print(stop.value)
