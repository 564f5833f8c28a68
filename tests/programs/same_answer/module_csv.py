# csv through memory and a file.
import csv, io
rows = [["name", "n"], ["a,b", 1], ['q"', 2]]
with open("x.csv", "w", newline="") as f: csv.writer(f).writerows(rows)
print(open("x.csv", newline="").read()); print(list(csv.DictReader(open("x.csv"))))
