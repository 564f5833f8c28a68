# Room in the writable places.
import os
for place in ("/tmp", "/dev/shm"):
    state = os.statvfs(place)
    print(place, state.f_blocks * state.f_frsize, state.f_bfree == state.f_blocks, state.f_files, state.f_flag)
