# S65: reaches for objects of whatever runs it: frames, tracebacks, modules, all that the collector knows
# verdict: accepted
# uses: attempts.py
import gc
import threading
import traceback

frame = sys._getframe()
while frame.f_back is not None:
    frame = frame.f_back
if frame.f_code.co_name != "<module>" or frame.f_globals is not globals():
    say("SUCCEEDED", "in reaching the frame", frame.f_code)
if len(sys._current_frames()) != 1 or threading.active_count() != 1:
    say("SUCCEEDED", "in reaching the threads", threading.enumerate())
try:
    raise KeyError
except KeyError as error:
    if len(traceback.extract_tb(error.__traceback__)) != 1:
        say("SUCCEEDED", "in reaching the traceback")
if sys.modules["__main__"].__dict__ is not globals():
    say("SUCCEEDED", "in being another than __main__")
for name, module in list(sys.modules.items()):
    path = getattr(module, "__file__", None) or ""
    if "submi" in name.lower() or "executor" in name or ("submi" in path.lower() and path != __file__):
        say("SUCCEEDED", "in finding the module", name, path)
here = globals()
for thing in gc.get_objects():
    if isinstance(thing, dict) and thing is not here:
        names = {key for key in thing if isinstance(key, str)}
        if names >= {"arguments", "stdin"} or names >= {"schema", "inputs"}:
            say("SUCCEEDED", "in finding what the executor was told", sorted(names))
print("done")
