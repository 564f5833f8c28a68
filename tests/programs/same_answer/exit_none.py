# Exit code 0 of a program that just ends.
print("done")
