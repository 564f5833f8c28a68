# exec and eval without namespaces use those of the caller.
exec("a = 1\ndef f(): return a + b")
b = 2
print(f(), eval("a + b"), f.__module__, f.__globals__ is globals())
