# A program that prints itself: the file must be whole and in its place.
import sys
sys.stdout.write(open(sys.argv[0]).read())
