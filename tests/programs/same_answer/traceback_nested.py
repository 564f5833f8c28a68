# A traceback through several functions, with a method, a lambda and a comprehension.
class C:
    def method(self, items):
        return [self.inner(x) for x in items]
    def inner(self, x):
        return (lambda y: y["key"])(x)
C().method([{}])
