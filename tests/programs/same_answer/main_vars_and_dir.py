# The same namespace through its other doors.
print(dir())
print(sorted(vars()))
print(globals() is locals(), vars() is globals())
