# The first entry of the traceback is the program's module.
import sys
import traceback
try:
    (lambda: 1 / 0)()
except ZeroDivisionError:
    for frame, line in traceback.walk_tb(sys.exc_info()[2]):
        print(frame.f_code.co_name, frame.f_code.co_filename, line, frame.f_back is None)
