# The interpreter's own functions, through ctypes.
import ctypes
api = ctypes.pythonapi
api.Py_IsInitialized.restype = ctypes.c_int
print(api.Py_IsInitialized(), api.PyGILState_Check())
api.PyRun_SimpleString(b"print('as', __name__, sorted(k for k in globals() if not k.startswith('_')))")
