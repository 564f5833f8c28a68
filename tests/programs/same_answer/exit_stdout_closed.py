# A closed sys.stdout is no error at exit.
import sys
print("kept")
sys.stdout.close()
