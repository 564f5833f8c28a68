#!/usr/bin/env python3
# A first line for the shell.
print(open(__file__).readline().strip())
