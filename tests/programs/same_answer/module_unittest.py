# unittest.main finds the tests of __main__ and ends with a code of its own.
# normalise: [0-9]+\.[0-9]+s (the time it took)
import unittest
class Tests(unittest.TestCase):
    def test_good(self): self.assertEqual(1 + 1, 2)
    def test_bad(self): self.assertEqual(1 + 1, 3)
    @unittest.skip("not now")
    def test_skipped(self): pass
if __name__ == "__main__":
    unittest.main()
