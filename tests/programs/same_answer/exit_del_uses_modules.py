# What __del__ finds when the interpreter takes modules apart.
import sys
class C:
    def __del__(self):
        print("still", sys is not None, __name__, sys.is_finalizing())
c = C()
