# The descriptor begins at its start: nothing was read ahead.
# case: {"stdin": "abcdef\n"}
import os
try:
    print(os.lseek(0, 0, os.SEEK_CUR), os.lseek(0, 0, os.SEEK_END), os.lseek(0, 1, os.SEEK_SET))
except OSError as error:
    print(error.errno)
print(os.read(0, 3))
