# The traceback of EOFError.
number = int(input("number: "))
