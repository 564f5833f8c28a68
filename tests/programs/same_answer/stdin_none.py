# sys.stdin removed.
import sys
sys.stdin = None
input()
