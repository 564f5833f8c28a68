# A signal to the whole group ends the program too.
import os, signal
print("before", flush=True)
os.killpg(os.getpgrp(), signal.SIGTERM)
print("not reached")
