# Exactly these variables, in this order. (Tests alone give PYTHONHASHSEED, to one level by the environment.)
import os
print([(name, value) for name, value in os.environ.items() if name != "PYTHONHASHSEED"])
print(os.environb[b"PATH"], os.getenv("HOME"), os.getenv("LC_CTYPE"), os.getenv("_"))
