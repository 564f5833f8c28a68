# select says that there is something to read, or the end.
# case: {}
# case: {"stdin": "x\n"}
import select
print([len(x) for x in select.select([0], [], [], 0)])
