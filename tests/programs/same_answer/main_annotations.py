# A script has __annotations__ from the start; a dictionary of one's own need not.
print(__annotations__)
x: int = 3
y: "list[str]"
print(__annotations__)
