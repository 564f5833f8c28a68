# Notes and groups of exceptions.
try:
    raise ValueError("one")
except ValueError as error:
    error.add_note("a note\non two lines")
    raise ExceptionGroup("both", [error, TypeError("two")])
