# help() of something in the program names __main__.
class Shape:
    """A shape."""
    def area(self):
        """Its area."""
help(Shape)
