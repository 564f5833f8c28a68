# A typographic quotation mark.
print(“hello”)
