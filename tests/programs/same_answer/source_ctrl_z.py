# The end mark of old systems.
print('a')
