# The source through tokenize.
import tokenize
with tokenize.open(__file__) as file: print(file.encoding, sum(1 for _ in tokenize.generate_tokens(file.readline)))
