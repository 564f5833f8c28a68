# sys.exit below other frames runs their finally blocks.
import sys
def f():
    try:
        sys.exit(5)
    finally:
        print("cleaned")
with open("x", "w") as file:
    f()
