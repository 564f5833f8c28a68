# logging's last resort.
import logging
logging.warning("to standard error")
logging.info("not shown")
logging.getLogger("x").error("by name")
