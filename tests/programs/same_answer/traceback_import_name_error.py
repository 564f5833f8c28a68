# A name that is not there, with a suggestion.
from math import squareroot
