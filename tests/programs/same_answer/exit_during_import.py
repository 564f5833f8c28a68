# sys.exit in a module that is being imported ends the program.
import sys
with open("leaver.py", "w") as file:
    file.write("import sys\nprint('in module')\nsys.exit(6)\n")
sys.path.insert(0, ".")
import leaver
