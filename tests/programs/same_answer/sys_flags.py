# The zygote's own options (-I, -S, -B, -E, -u) would show.
import sys
print(sys.flags)
print(sys.dont_write_bytecode, sys.pycache_prefix, sys.warnoptions, sys._xoptions)
