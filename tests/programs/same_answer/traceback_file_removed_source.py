# linecache reads the source at the time of the traceback.
import linecache
print(linecache.getline(__file__, 2))
print(linecache.getlines(__file__)[0])
linecache.cache[__file__] = (1, None, ["faked\n"] * 10, __file__)
import traceback
try:
    1 / 0
except ZeroDivisionError:
    print(traceback.format_exc())
