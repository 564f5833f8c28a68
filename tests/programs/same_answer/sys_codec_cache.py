# Encodings that the runner used stay in the cache of the package.
import encodings
print(sorted(encodings._cache))
