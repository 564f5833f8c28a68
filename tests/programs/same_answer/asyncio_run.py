# A loop with tasks: their names are counted from 1.
import asyncio
async def f(n):
    await asyncio.sleep(0.001 * n)
    return n, asyncio.current_task().get_name()
async def main():
    print(asyncio.current_task().get_name(), await asyncio.gather(*(f(n) for n in range(3))))
asyncio.run(main())
