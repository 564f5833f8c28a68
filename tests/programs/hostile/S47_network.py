# S47: every kind of socket, and the sockets of services
# verdict: accepted
# machine: x86_64
# uses: attempts.py
import socket
import struct

for family in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET"):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        attempt(f"{family} {kind!r}", socket.socket, getattr(socket, family), kind, errors=(errno.EPERM,))
attempt("a connection", socket.create_connection, ("127.0.0.1", 5432), 1)
attempt("a name", socket.getaddrinfo, "example.com", 80)
attempt("a pair of Internet sockets", socket.socketpair, socket.AF_INET, errors=(errno.EPERM,))
pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
services = ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/dev/log"]
services += ["/run/systemd/notify", "/run/systemd/journal/socket", "/run/dbus/system_bus_socket"]
services += ["/var/run/postgresql/.s.PGSQL.5432", "/tmp/.s.PGSQL.5432", "\0/containerd-shim/x", "\0/tmp/dbus-x"]
for path in services:
    attempt(f"a message to {path!r}", pair[0].sendto, b"x", path)
    attempt(f"a connection to {path!r}", pair[0].connect, path, errors=(errno.EPERM,))
attempt("to bind", pair[0].bind, "/tmp/socket", errors=(errno.EPERM,))
attempt("to listen", socket.socketpair()[0].listen, errors=(errno.EPERM,))
attempt("to accept", kernel, 43, pair[0].fileno(), None, None, errors=(errno.EPERM,))
attempt("another's rights", pair[0].sendmsg, [b"x"], [(socket.SOL_SOCKET, 2, struct.pack("3i", 1, 0, 0))])
names = [line.split(":")[0].strip() for line in open("/proc/self/net/dev") if ":" in line]
if any(name.startswith(("eth", "en", "wl", "docker", "br-", "veth")) for name in names):
    say("SUCCEEDED", "in seeing the interfaces", names)
for line in open("/proc/self/net/tcp").read().splitlines()[1:]:
    say("SUCCEEDED", "in seeing the connection", line)
print("done")
