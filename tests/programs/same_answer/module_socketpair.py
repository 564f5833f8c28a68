# A pair of sockets and selectors.
import selectors, socket
a, b = socket.socketpair(); s = selectors.DefaultSelector(); s.register(b, selectors.EVENT_READ); a.send(b"x")
print(type(s).__name__, [k.fd == b.fileno() for k, _ in s.select(1)], b.recv(5), socket.getdefaulttimeout())
