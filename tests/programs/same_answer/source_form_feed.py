# Form feeds between parts.
x = 1

if x:
    print('fed')
