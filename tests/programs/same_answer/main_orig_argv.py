# sys.orig_argv is set once, when the interpreter starts: it would be the zygote's command line.
# case: {}
# case: {"arguments": ["-x", "1"]}
import sys
print(sys.orig_argv)
