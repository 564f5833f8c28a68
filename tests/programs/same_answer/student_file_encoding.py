# The encoding of open without an argument.
with open("x.txt", "w") as file:
    print(file.encoding, file.errors, file.newlines)
    file.write("é日\n")
print(open("x.txt", "rb").read(), open("x.txt").read())
