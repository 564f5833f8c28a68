# An object whose __str__ raises.
import sys
class Bad:
    def __str__(self):
        raise ValueError("no text")
sys.stdout.write("no newline")
sys.exit(Bad())
