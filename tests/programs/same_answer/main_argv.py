# sys.argv[0] would be the runner's, or the arguments would be shifted.
# case: {}
# case: {"arguments": ["3"]}
# case: {"arguments": ["", " two words ", "-c", "--help", "é\n*$HOME"]}
import sys
print(sys.argv, len(sys.argv))
