# contextlib.redirect_stdout.
import contextlib, io
text = io.StringIO()
with contextlib.redirect_stdout(text):
    print("hidden")
print(repr(text.getvalue()))
