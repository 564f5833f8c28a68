# UTF-8 with a byte-order mark.
# case: {"stdin": "\ufeffgrüße 日本 🐍\n"}
text = input()
print(ascii(text), len(text))
