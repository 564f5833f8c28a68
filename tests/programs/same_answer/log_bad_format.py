# logging's own errors show the stack: the program's frames only.
import logging
def f(): logging.error("%d", "x")
f()
