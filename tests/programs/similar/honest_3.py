import sys


class Student:
    def __init__(self, name):
        self.name = name
        self.scores = []

    def add(self, score):
        self.scores.append(score)

    @property
    def average(self):
        if not self.scores:
            return 0.0
        return sum(self.scores) / len(self.scores)

    def __lt__(self, other):
        if self.average != other.average:
            return self.average > other.average
        return self.name < other.name

    def __str__(self):
        return "{}: {:.2f}".format(self.name, self.average)


students = {}
while True:
    line = sys.stdin.readline()
    if line == "":
        break
    words = line.split()
    if len(words) == 2:
        student = students.setdefault(words[0], Student(words[0]))
        student.add(float(words[1]))

print("\n".join(str(student) for student in sorted(students.values())))
