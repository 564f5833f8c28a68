# Through the import machinery, whose frames are removed.
import sys
with open("fails.py", "w") as file:
    file.write("def f():\n    raise ValueError('in module')\nf()\n")
sys.path.insert(0, ".")
import fails
