# S60: undoes the filter, or gets to know what it sees
# verdict: accepted
# machine: x86_64
# uses: attempts.py
import struct

allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(allow)))
for operation, flags in ((0, 0), (1, 0), (1, 1), (1, 8), (1, 16), (2, 0), (3, 0)):
    attempt(f"seccomp {operation} {flags}", kernel, 317, operation, flags, program, errors=(errno.EPERM,))
attempt("PR_SET_SECCOMP, strict", kernel, 157, 22, 1, 0, 0, 0, errors=(errno.EPERM,))
attempt("PR_SET_SECCOMP, filter", kernel, 157, 22, 2, program, 0, 0, errors=(errno.EPERM,))
attempt("PR_SET_SECCOMP with more", kernel, 157, 22 | 1 << 40, 2, program, 0, 0, errors=(errno.EPERM,))
attempt("PR_SET_NO_NEW_PRIVS to 0", kernel, 157, 38, 0, 0, 0, 0)
attempt("PR_SET_MM", kernel, 157, 35, 1, 0, 0, 0, errors=(errno.EPERM,))
attempt("PR_SET_SECUREBITS", kernel, 157, 28, 1, 0, 0, 0)
attempt("PR_CAP_AMBIENT_RAISE", kernel, 157, 47, 2, 21, 0, 0)
attempt("PTRACE_SECCOMP_GET_FILTER", kernel, 101, 0x420C, os.getpid(), 0, 0, errors=(errno.EPERM,))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
if (status["Seccomp"].strip(), status["NoNewPrivs"].strip()) != ("2", "1"):
    say("SUCCEEDED", status["Seccomp"], status["NoNewPrivs"])
print("done")
