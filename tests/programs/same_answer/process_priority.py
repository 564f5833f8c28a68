# Scheduling.
import os
print(os.nice(0), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)
print(len(os.sched_getaffinity(0)) == len(os.sched_getaffinity(1)), os.cpu_count())
