# `import program` must find the file beside it and run it a second time under its own name.
import sys
print("running as", __name__)
if __name__ == "__main__":
    import program
    print(program is sys.modules["__main__"], program.__name__, program.__spec__.name, program.__file__)
    print(program.__cached__)
