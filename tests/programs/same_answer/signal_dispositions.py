# Handlers of all signals: a zygote's, or SIGPIPE at its default, would show.
import signal
for number in sorted(signal.valid_signals()):
    handler = signal.getsignal(number)
    print(int(number), handler if handler is None or not callable(handler) else handler.__name__)
