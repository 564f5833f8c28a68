# Hooks that hide what is preloaded must not show.
# normalise: 0x[0-9a-f]+ (an address)
import sys
print(sys.meta_path)
print([getattr(hook, "__name__", hook) for hook in sys.path_hooks])
print([type(hook).__name__ for hook in sys.path_hooks])
