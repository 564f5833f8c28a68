# Standard output and standard error are two pipes; standard input is another thing.
# case: {}
# case: {"stdin": "x"}
import os
inodes = [(os.fstat(fd).st_dev, os.fstat(fd).st_ino) for fd in range(3)]
print(len(set(inodes)), os.fstat(0).st_size, os.fstat(1).st_nlink)
