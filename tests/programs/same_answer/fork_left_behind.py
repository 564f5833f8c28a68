# Children that outlive the program end with it.
import os, time
if os.fork() == 0:
    time.sleep(30)
    print("never")
print("main done")
