# Pipe and poll.
import multiprocessing
def f(end): end.send([1, {"a": (2,)}]); end.close()
if __name__ == "__main__":
    a, b = multiprocessing.Pipe()
    p = multiprocessing.Process(target=f, args=(b,)); p.start(); b.close()
    print(a.poll(5), a.recv())
    try: a.recv()
    except EOFError: print("EOF")
    p.join()
