# A program may lower its limits and not raise them.
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (10, hard))
files = []
try:
    while True:
        files.append(open("/dev/null"))
except OSError as error:
    print(len(files), error)
try:
    resource.setrlimit(resource.RLIMIT_CPU, (1000, 1000))
except ValueError as error:
    print(error)
