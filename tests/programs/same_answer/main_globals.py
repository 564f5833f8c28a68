# A runner that fills the namespace itself leaves more names, fewer, or another order.
print(list(globals()))
print({name: type(value).__name__ for name, value in list(globals().items())})
