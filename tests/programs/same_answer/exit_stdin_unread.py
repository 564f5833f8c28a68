# Input that nobody reads.
# case: {"stdin": "1\n2\n3\n"}
print("no need")
