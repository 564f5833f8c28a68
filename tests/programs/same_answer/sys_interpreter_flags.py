# What subprocess and multiprocessing hand on to children of theirs.
import subprocess
print(subprocess._args_from_interpreter_flags(), subprocess._optim_args_from_interpreter_flags())
