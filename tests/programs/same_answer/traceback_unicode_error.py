# A UnicodeDecodeError.
b"caf\xe9".decode()
