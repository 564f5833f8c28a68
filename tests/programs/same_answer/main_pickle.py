# Classes of __main__ are pickled by reference to sys.modules["__main__"].
import pickle
class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y
data = pickle.dumps([Point(1, 2), Point], protocol=4)
print(data)
point, kind = pickle.loads(data)
print(point.x, point.y, kind is Point, Point.__module__, Point.__qualname__)
