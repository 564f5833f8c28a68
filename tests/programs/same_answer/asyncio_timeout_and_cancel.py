# wait_for and cancel.
import asyncio
async def main():
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.01)
    except asyncio.TimeoutError as error:
        print("timeout", repr(error))
    task = asyncio.create_task(asyncio.sleep(10)); await asyncio.sleep(0); task.cancel()
    print(await asyncio.gather(task, return_exceptions=True))
asyncio.run(main())
