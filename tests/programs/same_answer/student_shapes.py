# Inheritance and polymorphism.
import math
class Shape:
    def area(self):
        raise NotImplementedError
class Circle(Shape):
    def __init__(self, r): self.r = r
    def area(self): return math.pi * self.r ** 2
class Square(Shape):
    def __init__(self, a): self.a = a
    def area(self): return self.a ** 2
for shape in (Circle(1), Square(2), Shape()):
    print(type(shape).__name__, round(shape.area(), 3))
