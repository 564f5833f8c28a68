# runpy.run_path on the program itself.
import runpy
import sys
if __name__ == "__main__":
    names = runpy.run_path(__file__, run_name="again")
    print(names["__name__"], names["__file__"], names["__spec__"], sys.argv)
else:
    print("again:", __name__, __loader__, sys.modules["__main__"].__dict__ is globals())
