# The zygote is the same interpreter.
import sys
print(sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix, sys._base_executable, sys.version)
