# Messages are not translated.
import gettext, locale
print(gettext.gettext("hello"), locale.format_string("%d", 1234567, grouping=True), locale.strxfrm("a"))
try: locale.setlocale(locale.LC_ALL, "xx_XX")
except locale.Error as error: print(error)
