# Tabs in one block, spaces in another.
if 1:
	print('tab')
if 1:
  print('spaces')
