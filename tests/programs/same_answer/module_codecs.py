# Encodings found at need.
import codecs
print("é".encode("cp437"), b"\xe9".decode("latin-1"), codecs.lookup("utf-16").name, codecs.encode("x", "rot13"))
try: "x".encode("no-such")
except LookupError as error: print(error)
