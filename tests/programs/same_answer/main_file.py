# __file__ would be missing, relative or the path of a copy.
import os
print(__file__, os.path.abspath(__file__), os.path.exists(__file__))
