# Without a running loop.
import asyncio
try:
    asyncio.get_running_loop()
except RuntimeError as error:
    print(error)
print(asyncio.Lock().locked(), asyncio.get_event_loop_policy().__class__.__name__)
