# A child of the fork context: its name and its parent.
import multiprocessing as mp
def f(q, n):
    q.put((mp.current_process().name, n * n, mp.parent_process().name))
if __name__ == "__main__":
    context = mp.get_context("fork")
    q = context.SimpleQueue()
    p = context.Process(target=f, args=(q, 7))
    p.start(); print(q.get()); p.join(); print(p.exitcode, mp.current_process().name, mp.get_start_method())
