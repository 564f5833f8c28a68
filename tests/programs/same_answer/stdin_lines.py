# Lines by iteration, with their ends.
# case: {"stdin": "a\nb\r\nc\rd\n\ne"}
import sys
print(list(sys.stdin))
