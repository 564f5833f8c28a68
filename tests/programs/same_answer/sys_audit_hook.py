# A hook that the program adds sees its own events only.
import sys
events = []
sys.addaudithook(lambda name, args: events.append(name) if name in ("exec", "compile", "open") else None)
exec("1")
open(__file__).close()
print(events)
