# The name of a class in a function.
def f():
    class Local(Exception):
        """An error."""
    raise Local("x")
f()
