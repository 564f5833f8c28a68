# A hidden module may stay as an attribute of its package.
import collections, concurrent, encodings, email, importlib, json, os, unittest, xml
for package in (collections, concurrent, encodings, email, importlib, json, unittest, xml):
    print(package.__name__, sorted(n for n, v in vars(package).items() if type(v).__name__ == "module"))
