# Imports of the program's own modules write byte code, as the flag says.
import os, sys
with open("helper.py", "w") as file:
    file.write("value = 5\n")
sys.path.insert(0, os.getcwd())
import helper
print(helper.value, os.listdir("__pycache__"), sys.dont_write_bytecode)
