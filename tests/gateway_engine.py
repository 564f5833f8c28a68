"""The fault gateway before a Docker engine: a Unix socket, with the rules of tests/gateway.py by what a call does."""

import contextlib
import http.client
import re
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from socketserver import TCPServer

from tests.gateway import Handler, HttpGateway, Reply, Rule, Server

OPERATIONS = {
    ("POST", "containers/create"): "create",
    ("POST", "containers/ID/attach"): "attach",
    ("POST", "containers/ID/start"): "start",
    ("POST", "containers/ID/update"): "update",
    ("GET", "containers/ID/json"): "inspect",
    ("DELETE", "containers/ID"): "remove",
    ("GET", "containers/json"): "list",
    ("GET", "_ping"): "ping",
}


class EngineGateway(HttpGateway):
    """A context manager; inside, `host` leads to the engine, by way of the rules."""

    def __init__(self, engine_socket: Path) -> None:
        self.engine_socket = engine_socket
        self._directory = Path(tempfile.mkdtemp(prefix="submitter-gateway-"))
        self._socket = str(self._directory / "docker.sock")
        self.host = f"unix://{self._socket}"
        super().__init__("http://localhost")

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        shutil.rmtree(self._directory)

    def make_server(self) -> Server:
        gateway = self

        class OwnHandler(_EngineHandler):
            owner = gateway

        return _UnixServer(self._socket, OwnHandler)  # type: ignore[arg-type]  # a path is its address

    def operation_of(self, method: str, path: str, target: str) -> str:
        place = re.sub(r"^/(v[0-9.]+/)?", "", path.partition("?")[0])
        place = re.sub(r"^containers/(?!(create|json)$)[^/]+", "containers/ID", place)
        return OPERATIONS.get((method, place), place)

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.engine_socket))
        return connection


class _UnixServer(Server):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # without HTTPServer's look for the host's name


class _EngineHandler(Handler):
    def _forward(self, body: bytes) -> Reply:
        """As ever; but to be attached to turns the connection into a stream, which a lost reply ends."""
        if self.headers.get("Upgrade") is None:
            return super()._forward(body)
        self._upstream = self.owner.connect().sock
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        self._upstream.sendall(f"{self.requestline}\r\n{headers}\r\n".encode() + body)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (byte := self._upstream.recv(1)):
                break
            head += byte
        return Reply(101, [], head)

    def _answer(self, reply: Reply, rule: Rule | None) -> None:
        if rule is not None and rule.action == "reset":
            self._drop(reset=True)  # most replies have no body to be in the middle of
        elif reply.status == 101:
            self._carry(reply.body)
        else:
            super()._answer(reply, rule)

    def _carry(self, head: bytes) -> None:
        """Both ways, until both ends have nothing more to say."""
        self.close_connection = True
        back = threading.Thread(target=_pump, args=(self._upstream, self.connection, head), daemon=True)
        back.start()
        _pump(self.connection, self._upstream, b"")
        back.join()
        self._upstream.close()

    def _error(self, rule: Rule) -> Reply:
        return Reply(rule.status, [("Content-Type", "application/json")], b'{"message": "told to"}')


def _pump(source: socket.socket, target: socket.socket, first: bytes) -> None:
    with contextlib.suppress(OSError):
        target.sendall(first)
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
