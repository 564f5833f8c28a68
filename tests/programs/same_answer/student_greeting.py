# Name and age from arguments.
# case: {"arguments": ["Ann", "20"]}
# case: {"arguments": ["Zoë", "x"]}
# case: {"arguments": []}
import sys
name, age = sys.argv[1], int(sys.argv[2])
print(f"Hello {name}, next year you are {age + 1}.")
