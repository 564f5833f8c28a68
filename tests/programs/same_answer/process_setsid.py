# A session leader cannot make a session.
import os
for call in (os.setsid, os.setpgrp):
    try:
        print(call())
    except OSError as error:
        print(type(error).__name__, error.errno)
