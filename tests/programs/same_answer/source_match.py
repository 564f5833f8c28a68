# match statements.
def kind(x):
    match x:
        case {"type": t, **rest}: return t, rest
        case [first, *_]: return first
        case int(n) if n > 0: return "positive"
        case _: return "other"
print(kind({"type": "a", "b": 1}), kind([1, 2]), kind(3), kind(-1))
