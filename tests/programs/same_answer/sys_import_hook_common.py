# A finder that the program puts in front must be asked for modules that the runner has preloaded, too.
import sys
asked = []
class Spy:
    def find_spec(self, name, path, target=None):
        asked.append(name)
sys.meta_path.insert(0, Spy())
import json, base64, struct, threading, signal, ctypes, select
print(asked)
