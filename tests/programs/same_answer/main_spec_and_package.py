# runpy sets __spec__ and __package__ to something else than the command line does.
print(__spec__, __package__, globals().get("__cached__", "none"))
