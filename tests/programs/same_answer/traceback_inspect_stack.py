# inspect's view of the stack and of the source.
import inspect
def f():
    return inspect.stack()
for info in f():
    print(info.filename, info.lineno, info.function, info.code_context)
print(inspect.getsource(f), inspect.getsourcefile(f), inspect.getmodule(f).__name__)
