# A module that the program writes and adds to the path itself.
import os, sys
os.mkdir("lib")
with open("lib/json.py", "w") as file:
    file.write("name = 'mine'\n")
sys.path.insert(0, os.path.abspath("lib"))
import json
print(json.name, json.__file__ == os.path.abspath("lib/json.py"), os.listdir("lib"))
