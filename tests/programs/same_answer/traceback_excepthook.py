# sys.excepthook of the program, called at the top; the code is 1.
import sys
def hook(kind, value, trace):
    print("hook", kind.__name__, value, trace.tb_lineno, trace.tb_next, trace.tb_frame.f_back)
sys.excepthook = hook
raise ValueError("x")
