# /dev/stdout and /dev/fd/1 lead to the pipe.
with open("/dev/stdout", "w") as file:
    file.write("by name\n")
with open("/dev/fd/2", "w") as file:
    file.write("by number\n")
