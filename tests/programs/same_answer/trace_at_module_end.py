# A tracer that stays on is asked for nothing of a runner after the program's end.
import sys
names = []
def tracer(frame, event, arg):
    names.append(frame.f_code.co_filename)
sys.settrace(tracer)
import atexit
@atexit.register
def last():
    sys.settrace(None)
    print(sorted({name for name in names if "importlib" not in name}))
