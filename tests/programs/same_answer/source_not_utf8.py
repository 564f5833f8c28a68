# Bytes that are not UTF-8, without a word about it.
print('café')
