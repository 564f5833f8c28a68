# Objects that hash by text.
import datetime, decimal, fractions, pathlib
print(hash(datetime.date(2020, 1, 1)), hash(decimal.Decimal("1.1")), hash(fractions.Fraction(1, 3)), hash(frozenset("ab")))
