# Who holds the program's names.
import gc
class Marker: pass
marker = Marker()
print([type(r).__name__ for r in gc.get_referrers(marker)], gc.get_referrers(marker)[0] is globals())
print(sorted(type(r).__name__ for r in gc.get_referrers(globals())))
