# S79: ends without reading its input, which is larger than any pipe
# input-mode: stdin
# input-bytes: 4000000
# verdict: accepted
print("done")
