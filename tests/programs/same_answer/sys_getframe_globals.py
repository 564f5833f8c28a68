# f_builtins, f_locals and f_globals of the module's frame.
import builtins
import sys
frame = sys._getframe()
print(frame.f_globals is globals(), frame.f_locals is globals(), frame.f_builtins is vars(builtins), frame.f_trace)
