# Parts of addresses; no connection.
import urllib.parse, urllib.request
print(urllib.parse.urlparse("http://a/b?c=d#e"), urllib.parse.quote("a b/é"))
try: urllib.request.urlopen("http://127.0.0.1:9/", timeout=1)
except OSError as error: print(type(error).__name__)
