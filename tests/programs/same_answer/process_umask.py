# The umask.
import os
print(oct(os.umask(0)))
os.umask(0o22)
with open("x", "w"):
    pass
os.mkdir("d")
print(oct(os.stat("x").st_mode), oct(os.stat("d").st_mode))
