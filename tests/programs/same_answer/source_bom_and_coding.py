# -*- coding: latin-1 -*-
# A mark and a coding line that contradict each other: an error of the compiler.
print('x')
