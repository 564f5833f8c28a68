# A mark of no width in the middle of the source.
print(1)
﻿print(2)
