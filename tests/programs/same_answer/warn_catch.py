# catch_warnings restores the filters.
import warnings
count = len(warnings.filters)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    warnings.warn("caught")
print(len(caught), caught[0].filename == __file__, len(warnings.filters) == count)
