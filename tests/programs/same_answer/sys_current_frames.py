# A second thread state, or the runner's frames, would be found here.
import sys
import threading
frames = sys._current_frames()
print(len(frames), list(frames) == [threading.get_ident()])
print(frames[threading.get_ident()] is sys._getframe())
print(list(sys._current_exceptions().values()))
