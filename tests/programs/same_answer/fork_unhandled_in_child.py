# An exception in a child prints its traceback, and the parent goes on.
import os
if os.fork() == 0:
    {}["child"]
print(os.waitstatus_to_exitcode(os.wait()[1]))
