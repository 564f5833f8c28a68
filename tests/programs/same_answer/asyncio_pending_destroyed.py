# A task that is pending at the end of a loop that is not closed properly.
# normalise: 0x[0-9a-f]+ (an address)
import asyncio
async def forever(): await asyncio.sleep(100)
loop = asyncio.new_event_loop()
task = loop.create_task(forever(), name="forever")
loop.run_until_complete(asyncio.sleep(0))
loop.close()
