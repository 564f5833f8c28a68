# -*- coding: latin-1 -*-
# Another encoding than UTF-8, as the first line says.
print('café', len('éè'))
raise ValueError('été')
