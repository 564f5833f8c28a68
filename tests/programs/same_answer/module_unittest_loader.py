# Loading by hand; exit=False.
# normalise: [0-9]+\.[0-9]+s (the time it took)
import unittest
class T(unittest.TestCase):
    def test(self): print(self.id())
result = unittest.main(exit=False, argv=["x"]).result
print(result.testsRun, result.wasSuccessful())
