# Signals that end the program itself.
# case: {"arguments": ["SIGTERM"]}
# case: {"arguments": ["SIGKILL"]}
# case: {"arguments": ["SIGHUP"]}
# case: {"arguments": ["SIGUSR1"]}
# case: {"arguments": ["SIGABRT"]}
# case: {"arguments": ["SIGPIPE"]}
# case: {"arguments": ["SIGXFSZ"]}
# case: {"arguments": ["SIGXCPU"]}
# case: {"arguments": ["SIGCHLD"]}
# case: {"arguments": ["SIGRTMAX"]}
import signal
import sys
print("before", flush=True)
print("lost if the signal ends it")
signal.raise_signal(getattr(signal, sys.argv[1]))
