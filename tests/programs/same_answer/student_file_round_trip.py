# A file written and read back in the working directory.
with open("notes.txt", "w") as file:
    for n in range(3):
        file.write(f"line {n}\n")
with open("notes.txt", "a") as file:
    print("appended", file=file)
with open("notes.txt") as file:
    for number, line in enumerate(file, 1):
        print(number, line.rstrip())
