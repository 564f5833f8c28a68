# Users, groups, session: a program is the leader of a session of its own, and its parent is the box's first process.
# normalise: 20[0-9]{8} (where the box has no users of its own the user's number is another every time)
import os
print(os.getresuid(), os.getresgid(), os.getgroups())
print(os.getpid() == os.getpgrp() == os.getsid(0), os.getppid())
