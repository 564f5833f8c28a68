# Digests, also through OpenSSL.
import base64, hashlib, hmac, zlib
print(hashlib.md5(b"x").hexdigest(), hashlib.sha256(b"x").hexdigest()[:8], hmac.new(b"k", b"m", "sha1").hexdigest()[:8], zlib.crc32(b"x"), base64.b64encode(b"xyz"))
print(len(hashlib.algorithms_available) > 10, len(hashlib.scrypt(b"p", salt=b"s", n=2, r=1, p=1)))
