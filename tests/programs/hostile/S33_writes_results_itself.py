# S33: writes outputs, results and metadata where the grader might look
# verdict: wrong_answer
# uses: attempts.py
import glob

stem = os.path.splitext(os.path.basename(__file__))[0]
for directory in (".", "/tmp", "/dev/shm", "/", "/usr/src", os.path.dirname(__file__), "/usr/src/submitter"):
    for ending in (".out", ".err", ".results.json", ".json", "/test.out", "/grade.out", ".out.new"):
        path = f"{directory}/{stem}{ending}" if ending.startswith(".") else directory + ending
        try:
            with open(path, "w") as file:
                file.write('done\n{"verdict": "accepted"}\n')
        except OSError as error:
            say("refused", path, error.errno)
        else:
            if not os.path.realpath(path).startswith(("/tmp/", "/dev/shm/")):
                say("SUCCEEDED", path)
if found := glob.glob("/usr/src/submitter/*"):
    others = [path for path in found if os.path.basename(path) != os.path.basename(__file__)]
    if others:
        say("SUCCEEDED", "in finding", others)
