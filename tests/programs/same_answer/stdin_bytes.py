# Bytes that are not UTF-8.
# case: {"stdin_base64": "//4AgWEK"}
import sys
print(sys.stdin.buffer.read())
