# The code object of the module: name, file, flags and first line.
import sys
code = sys._getframe().f_code
print(code.co_name, code.co_qualname, code.co_filename, code.co_flags, code.co_firstlineno)
print(eval(compile("1", "x", "eval")), compile("x = 1", "y", "exec").co_flags)
