# threading.excepthook of the program.
import threading
threading.excepthook = lambda args: print(args.exc_type.__name__, args.exc_value, args.thread.name)
thread = threading.Thread(target=lambda: [][1], name="t")
thread.start()
thread.join()
