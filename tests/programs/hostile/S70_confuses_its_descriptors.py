# S70: closes its streams and opens other things in their place
# case closed: wrong_answer
# case file: wrong_answer
# case crossed: accepted
# case after: accepted
import os
import sys

if sys.argv[1] == "closed":
    for fd in range(3):
        os.close(fd)
    try:
        print("done")
        sys.stdout.flush()
    except OSError:
        pass
    os._exit(0)
elif sys.argv[1] == "file":
    for fd in range(3):
        os.close(fd)
    held = [os.open(path, os.O_RDWR | os.O_CREAT, 0o600) for path in ("/tmp/0", "/tmp/1", "/tmp/2")]
    print("done")
elif sys.argv[1] == "crossed":
    os.dup2(1, 0)
    os.dup2(1, 9)
    os.dup2(2, 1)
    os.write(9, b"done\n")
    os._exit(0)
else:
    print("done")
