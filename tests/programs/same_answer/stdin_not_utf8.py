# Text of them: the error handler is surrogateescape in this locale.
# case: {"stdin_base64": "Y2Fm6Qr/Cg=="}
import sys
for line in sys.stdin:
    print(ascii(line))
