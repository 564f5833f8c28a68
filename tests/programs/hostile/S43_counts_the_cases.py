# S43: looks for inputs of other cases, or for how many there are
# case first: accepted
# case second: accepted
# case third: accepted
# uses: attempts.py
others = {"first", "second", "third"} - {sys.argv[1]}
for name in os.listdir("/proc"):
    if name.isdigit() and name != str(os.getpid()):
        try:
            words = open(f"/proc/{name}/cmdline").read().split("\0")
        except OSError:
            continue
        if others & set(words):
            say("SUCCEEDED", "in reading", words)
try:
    files = os.listdir("/usr/src/submitter")
except OSError as error:
    say("refused", error)
else:
    if files != [os.path.basename(__file__)]:
        say("SUCCEEDED", "in finding", files)
if data := sys.stdin.read():
    say("SUCCEEDED", "in reading", data)
print("done")
