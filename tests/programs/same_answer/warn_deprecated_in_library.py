# A deprecation in the library is hidden, in the program it is shown.
import locale
print(locale.getdefaultlocale()[1])
