# S75: bytes that are no text, or not quite the right text
# case nul: wrong_answer
# case invalid: wrong_answer
# case surrogate: runtime_error exit 1
# case windows: accepted
# case mark: wrong_answer
# case unfinished: accepted
# case line: output_limit_exceeded
# case every: wrong_answer
import os
import sys

data = {
    "nul": b"done\0\n",
    "invalid": b"\xff\xfedone\xc3\n",
    "windows": b"done\r\n",
    "mark": b"\xef\xbb\xbfdone\n",
    "unfinished": b"done",
    "line": b"d" * 1_000_000,
    "every": bytes(range(256)) * 16,
}
if sys.argv[1] == "surrogate":
    print("done \ud800")
elif sys.argv[1] == "line":
    for _ in range(100):
        sys.stdout.buffer.write(data["line"])
else:
    os.write(1, data[sys.argv[1]])
    os.write(2, data[sys.argv[1]])
