# Counters of the module start at nothing.
import itertools
import multiprocessing, multiprocessing.process as process
print(multiprocessing.current_process(), multiprocessing.active_children(), multiprocessing.parent_process())
print(process._process_counter, multiprocessing.current_process()._identity)
