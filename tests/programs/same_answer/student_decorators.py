# A decorator that tells of calls, and one with arguments.
import functools
def loud(prefix):
    def decorate(f):
        @functools.wraps(f)
        def wrapper(*args, **kwargs):
            print(prefix, f.__name__, args, kwargs)
            return f(*args, **kwargs)
        return wrapper
    return decorate
@loud(">>")
def add(a, b=1): return a + b
print(add(1, b=2), add.__name__)
