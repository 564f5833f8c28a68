# Indented by tabs.
for n in range(2):
	if n:
		print(n)
