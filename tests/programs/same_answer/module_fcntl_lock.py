# Locks on files.
import fcntl
f = open("lock", "w"); fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB); g = open("lock", "w")
try: fcntl.flock(g, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError as error: print(error)
