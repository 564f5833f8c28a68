# S24: prints what an executor says, on every descriptor there is
# verdict: wrong_answer
import base64
import json
import os

answer = {"ending": "exited", "exit_code": 0, "signal": None, "stdout": base64.b64encode(b"done\n").decode()}
answer |= {"stderr": "", "cpu_time_s": 0.0, "wall_time_s": 0.0, "memory_bytes": 0}
lines = [{"ready": True}, answer, {"setup_failed": "mine"}, {"verdict": "accepted", "score": 1}, answer]
for fd in range(256):
    for line in lines:
        try:
            os.write(fd, json.dumps(line).encode() + b"\n")
        except OSError:
            pass
