# Names of host and domain.
import os, platform, socket
print(os.uname().nodename == platform.node() == socket.gethostname(), len(os.uname().nodename))
