# Arguments are decoded by the interpreter's start; a runner must decode them in the same way.
# case: {"arguments": ["日本語", "ﬁ", "\u007f", "a\tb", "🐍"]}
import sys
print(ascii(sys.argv[1:]))
print([len(a) for a in sys.argv])
print([a.encode("utf-8", "surrogateescape") for a in sys.argv[1:]])
