# LC_CTYPE alone is set.
import locale
print(locale.setlocale(locale.LC_ALL), locale.getlocale(), locale.getpreferredencoding(), locale.localeconv()["decimal_point"])
print(locale.nl_langinfo(locale.CODESET))
