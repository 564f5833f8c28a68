# A suppressed context.
try:
    {}["a"]
except KeyError:
    raise ValueError("only this") from None
