# Writing beside the program is refused.
import os
with open(os.path.join(os.path.dirname(__file__), "out.txt"), "w") as file:
    file.write("x")
