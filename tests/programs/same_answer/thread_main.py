# The thread that imports threading is the main one, and no dummy.
import threading
main = threading.main_thread()
print(type(main).__name__, main.name, main.daemon, main.is_alive(), main is threading.current_thread(), threading._dangling.__len__())
