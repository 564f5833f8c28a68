# dir(sys) has names only after certain events: last_type, ps1, tracebacklimit.
import sys
print(list(vars(sys)))
