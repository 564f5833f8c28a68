# basicConfig: a handler that the runner has left behind would make it do nothing.
import logging
print(logging.root.handlers, logging.root.level, logging.Logger.manager.loggerDict)
logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s %(module)s %(funcName)s %(lineno)d %(message)s")
logging.debug("detail")
def f(): logging.getLogger("a.b").info("in f")
f()
