# A handler's frame above the interrupted one.
import signal
def handler(number, frame):
    print(number, frame.f_code.co_name, frame.f_back)
    raise OSError("from handler")
signal.signal(signal.SIGUSR1, handler)
signal.raise_signal(signal.SIGUSR1)
