#!/usr/bin/python3 -O
# A first line for the shell, with options that nobody reads.
print(__debug__)
