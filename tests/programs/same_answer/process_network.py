# No network.
import socket
try:
    socket.create_connection(("127.0.0.1", 9), 0.1)
except OSError as error:
    print(type(error).__name__, error.errno)
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
except OSError as error:
    print(type(error).__name__, error.errno)
