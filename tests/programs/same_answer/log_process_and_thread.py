# What records say of process and thread.
import logging, os
logging.basicConfig(format="%(processName)s %(threadName)s %(filename)s %(pathname)s %(message)s")
logging.error("where")
print(logging.makeLogRecord({}).process == os.getpid())
