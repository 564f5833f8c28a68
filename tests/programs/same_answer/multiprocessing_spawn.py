# The spawn context starts an interpreter that imports the program as __mp_main__.
import multiprocessing as mp
import sys
def f(q):
    q.put((__name__, sys.argv, sys.path[0], mp.current_process().name, f.__module__))
if __name__ == "__main__":
    context = mp.get_context("spawn")
    q = context.SimpleQueue()
    p = context.Process(target=f, args=(q,))
    p.start(); print(q.get()); p.join(); print(p.exitcode)
