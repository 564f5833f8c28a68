# Names outside of ASCII, normalised by the parser.
größe = 3
变量 = 4
ﬁ = 5
print(größe, 变量, fi, sorted(k for k in globals() if not k.startswith("__")))
