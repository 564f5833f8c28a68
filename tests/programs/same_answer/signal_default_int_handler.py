# SIGINT's handler is default_int_handler of the module that the program imports.
import signal
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.Signals.SIGINT in signal.Signals)
