# Numbers.
import cmath, fractions, math, statistics
print(statistics.mean([1, 2, 4]), statistics.stdev([1, 2, 4]), math.comb(10, 3), math.isqrt(99), cmath.sqrt(-1), fractions.Fraction(3, 6), math.pi)
print(0.1 + 0.2, 1e100, float("nan"), -0.0, 2 ** 100, 7 // -2, -7 % 3, round(2.5), 1_000, f"{3.14159:.2f}", 10 ** 20 / 3)
