# Signatures and docs.
import inspect
def f(a, /, b: int = 2, *args, c, **kw) -> str:
    """Does f."""
print(inspect.signature(f), inspect.getdoc(f), inspect.getcomments(f), inspect.getsourcelines(f)[1])
