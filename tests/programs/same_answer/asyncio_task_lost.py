# The exception of a task that nobody waits for is told through logging.
# normalise: 0x[0-9a-f]+ (an address)
import asyncio, gc
async def fail(): raise ValueError("nobody waits")
async def main():
    asyncio.ensure_future(fail())
    await asyncio.sleep(0.001)
    gc.collect()
asyncio.run(main())
print("done")
