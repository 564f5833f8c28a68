# In an imported module.
import sys
with open("broken.py", "w") as file:
    file.write("def f(:\n    pass\n")
sys.path.insert(0, ".")
import broken
