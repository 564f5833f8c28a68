# What a program puts in the place of sys.stdout is flushed at exit.
import io
import sys
class Out(io.StringIO):
    def flush(self):
        sys.__stdout__.write("flush %r\n" % self.getvalue())
sys.stdout = Out()
print("x")
