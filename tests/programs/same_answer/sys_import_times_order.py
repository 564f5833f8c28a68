# -X importtime style: imports are announced to a meta path finder that the program adds.
import sys
class Spy:
    def find_spec(self, name, path, target=None):
        print("asked for", name, path is None)
sys.meta_path.insert(0, Spy())
import colorsys
import colorsys
import html.entities
