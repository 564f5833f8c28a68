# A program that is run inside an except block or a generator sees the exception there.
import sys
print(sys.exc_info(), getattr(sys, "exception", lambda: None)())
print(hasattr(sys, "last_type"), hasattr(sys, "last_value"), hasattr(sys, "last_traceback"))
try:
    raise
except RuntimeError as error:
    print(error)
