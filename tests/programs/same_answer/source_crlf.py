# Lines that end as on Windows.
if True:
    print('''a
b''' == 'a\nb')
    raise ValueError('line 4')
