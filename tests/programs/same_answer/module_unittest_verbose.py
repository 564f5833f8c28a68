# The names in verbose output hold the module's name.
# normalise: [0-9]+\.[0-9]+s (the time it took)
# case: {"arguments": ["-v"]}
# case: {"arguments": ["Tests.test_a"]}
# case: {"arguments": ["Tests.nothing"]}
import unittest
class Tests(unittest.TestCase):
    def test_a(self):
        """A test with a text."""
    def test_b(self): raise ValueError("b")
unittest.main()
