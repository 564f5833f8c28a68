# Code without a source line.
exec("def f():\n    1 / 0\nf()")
