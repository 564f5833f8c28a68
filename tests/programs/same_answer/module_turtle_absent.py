# No display: a clear error, of whatever kind.
try:
    import tkinter
    tkinter.Tk()
except Exception as error:
    print(type(error).__name__, error)
