# return at the top, found by the compiler after the parser.
x = 1
return x
