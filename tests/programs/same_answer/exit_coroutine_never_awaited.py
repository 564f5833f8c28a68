# A warning when it is dropped.
async def f():
    pass
f()
print("end")
