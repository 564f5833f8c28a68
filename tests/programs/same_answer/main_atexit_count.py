# Callbacks that the runner's imports registered would run, and count, in the program.
import atexit
print(atexit._ncallbacks())
