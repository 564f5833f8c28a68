# The module's repr names the file it came from.
import __main__
print(repr(__main__))
