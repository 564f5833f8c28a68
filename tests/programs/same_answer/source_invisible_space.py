# A space that cannot be broken.
x = 1
