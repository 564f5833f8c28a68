# A fault of the processor.
import ctypes
print("kept", flush=True)
ctypes.string_at(0)
