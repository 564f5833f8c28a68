# The loader of a script is a SourceFileLoader for __main__; runpy and exec() leave another.
# normalise: 0x[0-9a-f]+ (an address)
print(type(__loader__).__module__, type(__loader__).__qualname__)
print(__loader__.name, __loader__.path, __loader__.get_filename("__main__"))
print(__loader__.get_source("__main__").splitlines()[-1])
print(__loader__)
