# SystemExit is an exception like any other until it reaches the top.
import sys
try:
    sys.exit(3)
except SystemExit as error:
    print("caught", error.code)
print("goes on")
