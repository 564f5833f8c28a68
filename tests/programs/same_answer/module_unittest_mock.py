# patch of names in __main__.
from unittest import mock
def ask(): return input("? ")
with mock.patch("builtins.input", return_value="patched"), mock.patch("__main__.ask", wraps=ask) as m:
    print(ask(), m.call_count)
