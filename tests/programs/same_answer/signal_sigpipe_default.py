# With SIGPIPE at its default a broken pipe ends the program.
# silent
import os, signal
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
read, write = os.pipe()
os.close(read)
os.write(write, b"x")
