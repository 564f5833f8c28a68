# The filters of a fresh start, in their order; DeprecationWarning is shown for __main__ only.
import warnings
for entry in warnings.filters:
    print(entry)
