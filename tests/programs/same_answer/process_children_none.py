# No children of before, and none of their usage.
import os, resource
try:
    os.wait()
except ChildProcessError as error:
    print(error)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime, usage.ru_stime, usage.ru_maxrss)
