# A file that nobody closed: silent by default, told when asked for.
import warnings
warnings.simplefilter("always")
def f(): open("/dev/null")
f()
print("end")
