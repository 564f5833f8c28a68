# S26: raises its priority, its class and its cores
# verdict: accepted
# machine: x86_64
# uses: attempts.py
attempt("a real-time class", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1), errors=(errno.EPERM,))
attempt("nice -20", os.nice, -20, errors=(errno.EPERM,))
attempt("priority of its user", os.setpriority, os.PRIO_USER, 0, -20, errors=(errno.EPERM,))
attempt("sched_setattr", kernel, 314, 0, ctypes.create_string_buffer(56), 0, errors=(errno.EPERM,))
attempt("a real-time class of its disk", kernel, 251, 1, 0, 1 << 13, errors=(errno.EPERM,))
attempt("cores of process 1", os.sched_setaffinity, 1, {0}, errors=(errno.EPERM,))
allowed = os.sched_getaffinity(0)
try:
    os.sched_setaffinity(0, range(1024))
except OSError as error:
    say("refused", "more cores", error)
if os.sched_getaffinity(0) - allowed:
    say("SUCCEEDED", "more cores")
print("done")
