# S76: arguments and an environment that are larger than the kernel takes
# verdict: accepted
# uses: attempts.py
attempt("a huge argument", os.execv, sys.executable, [sys.executable, "x" * (1 << 20)], errors=(errno.E2BIG,))
attempt("many arguments", os.execv, sys.executable, ["x" * 1000] * 20_000, errors=(errno.E2BIG,))
environment = {"X" * 1000 + str(number): "" for number in range(20_000)}
attempt("a huge environment", os.execve, sys.executable, [sys.executable], environment, errors=(errno.E2BIG,))
print("done")
