# __name__ would be the runner's own idea of a module's name.
print(__name__)
if __name__ == "__main__":
    print("run as a script")
