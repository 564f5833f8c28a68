# The working directory, empty at start.
import os
print(os.getcwd(), os.listdir("."), os.path.expanduser("~"), oct(os.stat(".").st_mode), os.access(".", os.W_OK))
