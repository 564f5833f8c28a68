# fileinput without file names reads standard input.
# case: {"stdin": "x\ny\n"}
# case: {"stdin": "x\n", "arguments": ["-"]}
import fileinput
for line in fileinput.input():
    print(fileinput.filename(), fileinput.lineno(), line, end="")
