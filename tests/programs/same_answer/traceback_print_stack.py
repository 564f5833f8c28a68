# The stack holds the program's frames and no more.
import traceback
def f():
    traceback.print_stack()
    print(len(traceback.extract_stack()))
f()
