# The classical surprise with local names.
count = 0
def add():
    count += 1
add()
