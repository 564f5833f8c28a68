# os.wait4 imports the module resource behind the scenes.
import os, sys
print("resource" in sys.modules)
if os.fork() == 0: os._exit(3)
print(os.wait4(-1, 0)[1] >> 8, "resource" in sys.modules)
