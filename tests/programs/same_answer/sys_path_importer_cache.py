# Directories that the runner imported from would be there, and in another order.
import sys
print(list(sys.path_importer_cache))
print([type(v).__name__ for v in sys.path_importer_cache.values()])
