# How low the limit can be set depends on the present depth.
import sys
for limit in range(1, 40):
    try:
        sys.setrecursionlimit(limit)
    except RecursionError as error:
        print(limit, error)
    else:
        print(limit)
        break
