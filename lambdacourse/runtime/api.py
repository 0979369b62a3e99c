"""Lambda's Runtime API on the loopback interface: the HTTP that AWS's bootstrap speaks, and no more of HTTP than that.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass, field

VERSION = "/2018-06-01/runtime"
NEXT = f"{VERSION}/invocation/next"
INIT_ERROR = f"{VERSION}/init/error"

_PHRASES = {200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 413: "Request Entity Too Large"}
_CHUNK = 262_144
SEND_SECONDS = 10
"""How long a runtime may take to read what it asked for."""


@dataclass(frozen=True)
class Call:
    """A request of a runtime. ``body`` holds at most ``Connection.most`` bytes and one more; ``size`` is what was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    size: int
    connection: Connection = field(repr=False)

    def reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Answer, and keep the connection."""
        lines = [f"HTTP/1.1 {status} {_PHRASES[status]}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.connection.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def accept(self) -> None:
        """Answer that it was taken."""
        self.reply(202, b'{"status":"OK"}')

    def refuse(self, status: int, error_type: str, message: str) -> None:
        """Answer with an error."""
        self.reply(status, json.dumps({"errorMessage": message, "errorType": error_type}).encode())


class Connection:
    """One kept-alive connection of a runtime."""

    def __init__(self, accepted: socket.socket, most: int) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # without it every warm call waits 40 ms for an ACK
        accepted.settimeout(SEND_SECONDS)
        self.socket, self.most = accepted, most
        self._bytes = bytearray()
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._size = self._missing = 0

    def receive(self) -> Call | None:
        """Read what has come; the call, when it is whole. ``EOFError`` when the other side has closed."""
        try:
            data = self.socket.recv(_CHUNK)
        except ConnectionError:
            data = b""
        if not data:
            raise EOFError
        if self._head is None:
            self._bytes += data
            if b"\r\n\r\n" not in self._bytes:
                return None
            head, _, data = bytes(self._bytes).partition(b"\r\n\r\n")
            self._bytes.clear()
            self._begin(head.decode("latin-1"))
        self._missing -= len(data)
        self._bytes += data[: max(self.most + 1 - len(self._bytes), 0)]
        if self._missing > 0:
            return None
        (method, path, headers), body = self._head, bytes(self._bytes)
        self._head = None
        self._bytes.clear()
        return Call(method, path, headers, body, self._size, self)

    def _begin(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._head = method, path, headers
        self._size = self._missing = int(headers.get("content-length", 0))
        if headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def send(self, data: bytes) -> None:
        """Send all of ``data``; that the other side is gone is found out when reading."""
        with suppress(ConnectionError, TimeoutError):
            self.socket.sendall(data)

    def close(self) -> None:
        self.socket.close()
