"""
The fault gateway: stands between Submitter and a service, and does to each call what its rules say.

`HttpGateway` is for S3 and SQS and knows their operations; `TcpGateway` is for
Postgres and the Docker engine's socket, and knows connections alone. Both
listen on loopback, and write down all that they do with a number, so that a
failure can be read.
"""

import contextlib
import http.client
import os
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

Action = Literal[
    "delay",  # and then pass
    "drop request",  # the service never hears of it
    "drop reply",  # the service has done it, and nobody is told: the ambiguous one
    "repeat reply",  # give it, and give the very same to the next call of this operation
    "error",  # answer as the service would, with `status` and `code`
    "reset",  # in the middle of the body
    "truncate",  # end the body early, in good order
    "flip",  # one bit of the body
    "stall",  # in the middle of the body, for `seconds`
    "hold",  # the whole call, for `seconds`, then drop it
]

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass
class Rule:
    """What is to happen to calls of an operation, `times` times; `after` so many that pass."""

    operation: str
    action: Action
    times: int = 1
    after: int = 0
    seconds: float = 0.0
    status: int = 500
    code: str = "InternalError"
    message: str = "told to"


@dataclass
class Noted:
    """One call, and what was done to it; `action` is "pass" for most."""

    number: int
    operation: str
    action: str
    key_id: str  # of the credentials that it was signed with


def operation_of(method: str, path: str, target: str) -> str:
    """The name of an AWS operation: `ReceiveMessage`, `PutObject`."""
    if target:
        return target.rpartition(".")[2]
    bucket, _, key = urlsplit(path).path.strip("/").partition("/")
    if not bucket:
        return "ListBuckets"
    return {"GET": "Get", "PUT": "Put", "HEAD": "Head", "DELETE": "Delete"}.get(method, method) + (
        "Object" if key else "Bucket"
    )


class HttpGateway:
    """A context manager; inside, `endpoint_url` leads to the service, by way of the rules."""

    def __init__(self, upstream_url: str, host: str = "127.0.0.1") -> None:
        self.upstream = urlsplit(upstream_url)
        self.calls: list[Noted] = []
        self._rules: list[Rule] = []
        self._repeats: dict[str, Reply] = {}
        self._lock = threading.Lock()
        self._host = host
        self._server = self.make_server()
        self.endpoint_url = f"http://{host}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    # -- what another service may want otherwise ------------------------------------------------------------------

    def make_server(self) -> ThreadingHTTPServer:
        gateway = self

        class OwnHandler(Handler):
            owner = gateway

        return Server((self._host, 0), OwnHandler)

    def operation_of(self, method: str, path: str, target: str) -> str:
        return operation_of(method, path, target)

    def connect(self) -> http.client.HTTPConnection:
        """To the service itself."""
        return http.client.HTTPConnection(self.upstream.hostname or "", self.upstream.port, timeout=60)

    # -- rules ----------------------------------------------------------------------------------------------------

    def add(self, operation: str, action: Action, **details: Any) -> Rule:
        """`operation` is an AWS operation's name, or `*`. The rule counts down its `times` as it is used."""
        rule = Rule(operation, action, **details)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()
            self._repeats.clear()

    def count(self, operation: str, action: str | None = None) -> int:
        with self._lock:
            return sum(c.operation == operation and action in (None, c.action) for c in self.calls)

    def rule_for(self, operation: str, key_id: str) -> "Rule | None":
        with self._lock:
            chosen = None
            for rule in self._rules:
                if rule.operation not in (operation, "*") or rule.times <= 0:
                    continue
                if rule.after > 0:
                    rule.after -= 1
                    break
                rule.times -= 1
                chosen = rule
                break
            self.calls.append(Noted(len(self.calls) + 1, operation, chosen.action if chosen else "pass", key_id))
            return chosen

    def keep_for_repeat(self, operation: str, reply: "Reply") -> None:
        with self._lock:
            self._repeats[operation] = reply

    def repeat_for(self, operation: str) -> "Reply | None":
        with self._lock:
            return self._repeats.pop(operation, None)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass  # a client that broke off


@dataclass
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: ClassVar[HttpGateway]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = self.owner.operation_of(self.command, self.path, self.headers.get("X-Amz-Target", ""))
        repeated = self.owner.repeat_for(operation)
        if repeated is not None:
            self._answer(repeated, None)
            return
        signed_with = self.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
        rule = self.owner.rule_for(operation, signed_with)
        if rule is None:
            self._answer(self._forward(body), None)
            return
        if rule.action == "delay":
            time.sleep(rule.seconds)
            self._answer(self._forward(body), None)
        elif rule.action in ("drop request", "hold"):
            time.sleep(rule.seconds)
            self._drop()
        elif rule.action == "drop reply":
            self._forward(body)
            self._drop()
        elif rule.action == "repeat reply":
            reply = self._forward(body)
            self.owner.keep_for_repeat(operation, reply)
            self._answer(reply, None)
        elif rule.action == "error":
            self._answer(self._error(rule), None)
        else:
            self._answer(self._forward(body), rule)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any

    def _forward(self, body: bytes) -> Reply:
        connection = self.owner.connect()
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            length = answer.headers.get("Content-Length")
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
            if self.command == "HEAD" and length:
                kept.append(("Content-Length", length))
            return Reply(answer.status, kept, answer.read())
        finally:
            connection.close()

    def _answer(self, reply: Reply, rule: Rule | None) -> None:
        body = reply.body
        with contextlib.suppress(OSError):
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            if rule is not None and rule.action == "flip" and body:
                body = body[:-1] + bytes([body[-1] ^ 1])
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            if rule is not None and rule.action in ("reset", "truncate", "stall"):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                time.sleep(rule.seconds)
                if rule.action == "stall":
                    self.wfile.write(body[len(body) // 2 :])
                elif rule.action == "reset":
                    self._drop(reset=True)
                else:
                    self._drop()
                return
            self.wfile.write(body)

    def _error(self, rule: Rule) -> Reply:
        if self.headers.get("X-Amz-Target"):
            text = f'{{"__type": "com.amazonaws.sqs#{rule.code}", "message": "{rule.message}"}}'
            return Reply(rule.status, [("Content-Type", "application/x-amz-json-1.0")], text.encode())
        text = f"<?xml version='1.0'?><Error><Code>{rule.code}</Code><Message>{rule.message}</Message></Error>"
        return Reply(
            rule.status, [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else text.encode()
        )

    def _drop(self, *, reset: bool = False) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())  # unlike close(), it does not wait for the files around the socket
            return
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


Mode = Literal["pass", "refuse", "freeze"]


def postgres_of(database_url: str) -> Callable[[], socket.socket]:
    """What connects to the server that the URL names, by TCP or by its socket's directory."""
    told = conninfo_to_dict(database_url)
    host, port = str(told["host"]), told.get("port") or 5432

    def connect() -> socket.socket:
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(f"{host}/.s.PGSQL.{port}")
        return sock

    return connect


@dataclass
class TcpGateway:
    """
    A context manager before a server that speaks anything: Postgres on a port, Docker's engine on a path.

    `mode` is "pass"; "refuse": new connections end at once; "freeze": nothing
    passes, and nobody is told, as on a host that vanished. `cut` resets all
    connections that there are.
    """

    connect: Callable[[], socket.socket]
    mode: Mode = "pass"
    host: str = "127.0.0.1"
    _pairs: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)

    def __enter__(self) -> "TcpGateway":
        self._thawed = threading.Event()
        self._thawed.set()
        gateway = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                gateway._serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server((self.host, 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.set("pass")
        self.cut()

    def set(self, mode: Mode) -> None:
        self.mode = mode
        if mode == "freeze":
            self._thawed.clear()
        else:
            self._thawed.set()

    def cut(self) -> int:
        """How many."""
        pairs = list(self._pairs)
        for pair in pairs:
            for sock in pair:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sock.shutdown(socket.SHUT_RDWR)
        return len(pairs)

    @contextlib.contextmanager
    def being(self, mode: Mode) -> Iterator[None]:
        self.set(mode)
        try:
            yield
        finally:
            self.set("pass")

    def _serve(self, client: socket.socket) -> None:
        if self.mode == "refuse":
            return
        self._thawed.wait()
        try:
            server = self.connect()
        except OSError:
            return
        pair = client, server
        self._pairs.append(pair)
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)
        back.join()
        self._pairs.remove(pair)
        server.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._thawed.wait()
                target.sendall(data)
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
