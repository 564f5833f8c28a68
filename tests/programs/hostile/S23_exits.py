# S23: ways to end that are easily confused
# case exit 1: runtime_error exit 1
# case exit 139: runtime_error exit 139
# case exit 255: runtime_error exit 255
# case exit -1: runtime_error exit 255
# case exit 256: wrong_answer exit 0
# case text: runtime_error exit 1
# case unflushed: wrong_answer exit 0
# case silent: wrong_answer exit 0
# case flushed: accepted exit 0
import os
import sys

if sys.argv[1].startswith("exit"):
    sys.exit(int(sys.argv[1].split()[1]))
elif sys.argv[1] == "text":
    print("done")
    sys.exit("x")
elif sys.argv[1] == "unflushed":
    sys.stdout.write("done\n")
    os._exit(0)
elif sys.argv[1] == "flushed":
    os.write(1, b"done\n")
    os._exit(0)
