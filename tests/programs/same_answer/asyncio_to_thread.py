# A thread of the loop's pool.
import asyncio, threading
async def main():
    print(await asyncio.to_thread(lambda: threading.current_thread().name))
asyncio.run(main())
