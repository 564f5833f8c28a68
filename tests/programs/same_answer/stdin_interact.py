# code.interact with the input's lines.
# case: {"stdin": "1 + 1\n__name__\nx\n"}
import code
code.interact(banner="hello", exitmsg="bye", local={"x": 5})
