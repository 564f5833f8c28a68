# Whether memory files may be made.
import os
try:
    print(os.memfd_create("x"))
except OSError as error:
    print(error)
