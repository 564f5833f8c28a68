# Formatting.
import pprint, string, textwrap
pprint.pprint({"k%d" % n: list(range(n)) for n in range(9)}); print(textwrap.fill("word " * 30, 40)); print(string.Template("$a b").substitute(a=1))
