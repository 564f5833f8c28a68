# A coroutine that is dropped at exit.
async def never(): pass
x = never()
print("end")
