# S17: waits for input that never comes, on every descriptor
# verdict: accepted
import sys

sys.stdin.read()
print("done")
