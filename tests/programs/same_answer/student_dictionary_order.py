# Dictionaries and sets of strings.
grades = {"ann": [1, 2], "bob": [3], "cid": []}
for name, values in grades.items():
    print(name, sum(values) / len(values))
