# Bits and bases.
n = 0b1011
print(bin(n << 2), hex(255), oct(8), ~n, n & 6, n ^ 15, int("ff", 16), f"{n:08b}", n.bit_length())
