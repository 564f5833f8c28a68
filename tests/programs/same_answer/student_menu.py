# A menu that ends with EOFError when the input ends.
# case: {"stdin": "1\n2\n"}
# case: {"stdin": "1\n3\n"}
items = []
while True:
    choice = input("1 add, 2 show, 3 end: ")
    if choice == "1": items.append("x")
    elif choice == "2": print(items)
    else: break
