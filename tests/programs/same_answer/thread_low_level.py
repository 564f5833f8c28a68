# _thread's own counts and settings.
import _thread
print(_thread._count(), _thread.stack_size(), _thread.get_ident() == __import__("threading").main_thread().ident)
