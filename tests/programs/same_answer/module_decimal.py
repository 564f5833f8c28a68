# The context of decimal is per thread, made at need.
import decimal
print(decimal.getcontext(), decimal.Decimal(1) / 7)
decimal.getcontext().prec = 5
print(decimal.Decimal(1) / 7)
