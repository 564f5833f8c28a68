# A file that is not there, caught and not.
try:
    open("data.txt")
except FileNotFoundError as error:
    print("Error:", error)
open("/usr/src/submitter/data.txt")
