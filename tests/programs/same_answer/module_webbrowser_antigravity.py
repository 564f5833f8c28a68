# Modules that do something when they are imported.
import __hello__, __phello__
__hello__.main()
print(__phello__.__name__)
