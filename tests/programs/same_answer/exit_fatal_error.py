# Trouble in C code that ends the interpreter; faulthandler tells where.
# normalise: 0x[0-9a-f]+ (an address)
import faulthandler
faulthandler.enable()
print("kept", flush=True)
faulthandler._sigabrt()
