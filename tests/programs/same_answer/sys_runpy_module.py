# runpy.run_module as __main__.
import runpy
names = runpy.run_module("colorsys", run_name="__main__")
print(names["__name__"], names["__spec__"].name, names["rgb_to_yiq"](0, 0, 0))
