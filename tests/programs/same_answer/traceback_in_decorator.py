# Frames of decorators and partials.
import functools
def twice(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(f(*args))
    return wrapper
@twice
def half(x):
    return x / len(str(x)[5:])
half(4)
