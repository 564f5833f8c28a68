# os._exit alone.
# silent
import os
os._exit(255)
