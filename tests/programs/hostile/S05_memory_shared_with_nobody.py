# S5: shared memory that is let go of, page by page, but not given back
# only: docker
# verdict: memory_limit_exceeded
# Under bubblewrap nobody counts what no process has mapped: docs/threat-model.md says so.
import mmap

held = [mmap.mmap(-1, 8 << 20) for _ in range(75)]
for part in held:
    for at in range(0, len(part), 4096):
        part[at] = 1
    part.madvise(mmap.MADV_DONTNEED)
if all(part[4096] == 1 for part in held):
    print("done")
