# S19: prints the right answer when it is told to end
# verdict: time_limit_exceeded
import os
import signal


def answer(*_):
    os.write(1, b"done\n")
    os._exit(0)


for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, answer)
while True:
    pass
