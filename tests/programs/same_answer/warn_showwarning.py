# A function of the program's shows warnings.
import warnings
warnings.showwarning = lambda message, category, filename, lineno, *rest: print(category.__name__, message, lineno)
warnings.warn("told")
