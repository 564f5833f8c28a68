# What a case leaves behind, the next does not see.
# case: {"arguments": ["1"]}
# case: {"arguments": ["2"]}
import os, sys
print(os.listdir("."), os.listdir("/tmp"), os.listdir("/dev/shm"))
for place in (".", "/tmp", "/dev/shm"):
    with open(f"{place}/left{sys.argv[1]}", "w") as file:
        file.write("x")
os.mkdir("closed", 0)
