# Temporary files: the place, and names of eight characters.
# normalise: tmp[a-z0-9_]{8} (made at random)
import os, tempfile
with tempfile.NamedTemporaryFile() as file:
    print(file.name, tempfile.gettempdir(), tempfile.gettempprefix())
with tempfile.TemporaryDirectory() as place:
    print(place, os.path.isdir(place))
print(os.path.exists(place), os.listdir("/tmp"))
