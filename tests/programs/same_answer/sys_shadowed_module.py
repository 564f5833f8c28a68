# A module in the current directory does not shadow: sys.path[0] is the program's directory.
with open("colorsys.py", "w") as file:
    file.write("print('the wrong one')\n")
import colorsys
print(colorsys.rgb_to_hsv(1, 1, 1))
