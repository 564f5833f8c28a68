# S5: memory in files of memory, which nobody has mapped, and offers the executor to the OOM killer in its place
# verdict: memory_limit_exceeded
# verdict (bubblewrap): runtime_error exit 1
# Without a cgroup such memory could not be counted, so there it is refused.
import os

try:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("0")
except OSError:
    pass
while True:
    os.write(os.memfd_create("x"), b"x" * (3 << 20))
