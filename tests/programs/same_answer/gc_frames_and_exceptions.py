# Frames, exceptions, generators and threads of somebody else.
import gc, types
kinds = (types.FrameType, BaseException, types.GeneratorType, types.TracebackType, types.CoroutineType)
print([type(o).__name__ for o in gc.get_objects() if isinstance(o, kinds)])
