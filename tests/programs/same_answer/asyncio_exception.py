# An exception out of a loop.
import asyncio
async def inner():
    raise LookupError("in a coroutine")
async def main():
    await asyncio.create_task(inner())
asyncio.run(main())
