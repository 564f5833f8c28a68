# Printed by programs that look around.
import platform
import sys
print(sys.implementation.name, sys.implementation.cache_tag, sys.hexversion, sys.platform, sys.byteorder)
print(platform.python_version(), platform.python_implementation(), platform.system(), platform.machine())
