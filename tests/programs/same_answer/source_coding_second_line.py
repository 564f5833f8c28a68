#!/usr/bin/env python3
# vim: set fileencoding=cp1252 :
# The coding line may be the second.
print('€ café')
