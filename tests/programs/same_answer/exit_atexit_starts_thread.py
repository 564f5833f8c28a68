# A thread started at exit.
import atexit
import threading
@atexit.register
def late():
    try:
        thread = threading.Thread(target=print, args=("late",))
        thread.start()
        thread.join()
    except RuntimeError as error:
        print(error)
