# A server is not possible; a pair of sockets is.
import asyncio, socket
async def main():
    a, b = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=a)
    b.sendall(b"line\n")
    print(await reader.readline())
    writer.close(); b.close()
asyncio.run(main())
