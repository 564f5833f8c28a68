# await at the top.
import asyncio
await asyncio.sleep(0)
