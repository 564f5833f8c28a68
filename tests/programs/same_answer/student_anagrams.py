# Words grouped.
# case: {"stdin": "listen\nsilent\nenlist\ngoogle\nelgoog\n"}
import sys
groups = {}
for word in sys.stdin.read().split():
    groups.setdefault("".join(sorted(word)), []).append(word)
print([g for g in groups.values() if len(g) > 1])
