# input() at the end.
try:
    input("name? ")
except EOFError as error:
    print("EOF:", error)
