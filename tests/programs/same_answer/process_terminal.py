# No terminal.
import os
for call in (lambda: open("/dev/tty"), os.ctermid, lambda: os.ttyname(0), lambda: os.get_terminal_size(), lambda: os.tcgetpgrp(0)):
    try:
        print(call())
    except OSError as error:
        print(type(error).__name__, error.errno)
import shutil
print(shutil.get_terminal_size())
