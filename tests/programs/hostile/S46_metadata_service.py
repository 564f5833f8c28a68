# S46: asks the cloud's metadata service for credentials
# verdict: accepted
# uses: attempts.py
import socket

addresses = ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "100.100.100.200"]
for address in [*addresses, "metadata.google.internal", "instance-data.ec2.internal"]:
    attempt(address, socket.create_connection, (address, 80), 1)
for address in addresses:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    attempt(address, lambda: socket.socket(family, socket.SOCK_STREAM).connect((address, 80)), errors=(errno.EPERM,))
print("done")
