# Private modules that exist or not.
for name in ("_xxsubinterpreters", "_testcapi", "_testinternalcapi", "_tkinter", "readline", "curses", "ensurepip", "pip"):
    import importlib.util
    print(name, importlib.util.find_spec(name) is not None)
