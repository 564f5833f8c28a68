# reconfigure works on the streams of the start.
import sys
sys.stdout.reconfigure(encoding="latin-1", errors="replace", newline="\r\n", line_buffering=True)
print("café 日本")
print(sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering)
