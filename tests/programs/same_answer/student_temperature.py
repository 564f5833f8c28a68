# Formatted tables.
for celsius in range(-10, 31, 10):
    print(f"{celsius:>5} C = {celsius * 9 / 5 + 32:>7.2f} F |{'*' * (celsius // 10 + 2):<6}|")
