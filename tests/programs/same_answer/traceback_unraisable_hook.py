# sys.unraisablehook of the program.
import sys
sys.unraisablehook = lambda args: print(args.exc_type.__name__, args.err_msg, args.object.__qualname__)
class C:
    def __del__(self):
        1 / 0
C()
