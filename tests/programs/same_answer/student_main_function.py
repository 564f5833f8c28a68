# The usual frame.
import sys
def main(argv):
    print(f"{len(argv)} arguments")
    return 3
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
