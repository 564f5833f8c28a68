# Only the program lies in its directory, as a file that it can read and not write.
import os
directory = os.path.dirname(__file__)
print(os.listdir(directory))
state = os.stat(__file__)
print(oct(state.st_mode), state.st_size, state.st_nlink, os.access(__file__, os.W_OK), os.access(directory, os.W_OK))
