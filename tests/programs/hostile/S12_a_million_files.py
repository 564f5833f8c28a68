# S12: as many files as will go, long names, a deep tree, and none of it removed
# case leave: accepted
# case look: accepted
# uses: attempts.py


def make_files(directory):
    for number in range(1_000_000):
        os.close(os.open(f"{directory}/{number}", os.O_CREAT | os.O_WRONLY))


if sys.argv[1] == "leave":
    for _ in range(1000):
        os.mkdir("d" * 255)
        os.chdir("d" * 255)
    os.chdir("/tmp")
    for number in range(500):
        os.mkdir(f"{number:0255}")
    for directory in ("/tmp", "/dev/shm"):
        attempt(f"a million files in {directory}", make_files, directory, errors=(errno.ENOSPC,))
elif left := os.listdir("/tmp") + os.listdir("/dev/shm"):
    say("SUCCEEDED", "in leaving", len(left), "entries")
print("done")
