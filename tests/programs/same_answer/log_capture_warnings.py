# Warnings through logging.
import logging, warnings
logging.basicConfig()
logging.captureWarnings(True)
warnings.warn("logged")
