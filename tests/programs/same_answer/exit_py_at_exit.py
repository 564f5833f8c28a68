# Py_AtExit-like: the last words of a program come from logging's shutdown and the like.
import logging
import logging.handlers
class Tell(logging.Handler):
    def emit(self, record): print("record", record.getMessage())
    def close(self): print("handler closed"); super().close()
    def flush(self): print("handler flushed")
handler = Tell()
logging.getLogger().addHandler(handler)
logging.error("x")
