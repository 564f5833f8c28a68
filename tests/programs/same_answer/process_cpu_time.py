# Processor time begins at nearly nothing.
import os, time
print(time.process_time() < 1, time.thread_time() < 1, os.times().children_user, os.times().children_system)
