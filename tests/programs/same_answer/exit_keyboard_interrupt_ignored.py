# With SIGINT ignored an uncaught interrupt still ends the process somehow.
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
raise KeyboardInterrupt("ignored")
