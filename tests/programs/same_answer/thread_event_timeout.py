# Waiting with a timeout, and a Timer.
import threading
event = threading.Event()
print(event.wait(0.01))
threading.Timer(0.01, event.set).start()
print(event.wait(5))
