# How children of it end: by exit code, exception, signal.
import multiprocessing, os, signal, sys
def f(kind):
    if kind == "exit": sys.exit(5)
    if kind == "text": sys.exit("text")
    if kind == "signal": os.kill(os.getpid(), signal.SIGTERM)
    if kind == "error": raise ValueError("in a child")
if __name__ == "__main__":
    for kind in ("fine", "exit", "text", "signal", "error"):
        p = multiprocessing.Process(target=f, args=(kind,), name=kind)
        p.start(); p.join(); print(kind, p.exitcode, flush=True)
