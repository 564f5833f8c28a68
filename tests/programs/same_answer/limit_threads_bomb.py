# Threads without end: an error in the program.
import threading
n = 0
while True:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    n += 1
