# A SyntaxError at run time shows the line and a caret.
exec("x = (1,\ny = 2")
