# Tabs and spaces.
if True:
        print("a")
	print("b")
