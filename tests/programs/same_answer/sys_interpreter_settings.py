# Settings that a runner may have changed for itself.
import sys
print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.getdlopenflags(), sys.getfilesystemencoding())
print(sys.getfilesystemencodeerrors(), sys.getdefaultencoding(), sys.is_finalizing(), sys.float_repr_style)
print(getattr(sys, "get_int_max_str_digits", lambda: None)(), sys.thread_info)
