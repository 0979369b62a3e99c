"""Services that a handler calls over HTTP, and that see what it does: which connections it uses, what it asks for at the same time.

``Services`` is the checker's side, the trusted one: an HTTP server whose answers are decided by the checker. It speaks over pairs of
sockets, whose other ends are handed to whoever runs the learner's code. So it is the same in a learner's kernel and in a class,
where that code stands behind a border without a network; there the loopback leads nowhere. ``listen`` opens a port of this machine
besides, for the local Lambda.

``environment`` is the learner's side: what a handler has of the world. It may say and do anything: nothing is taken from it but
requests, which the other side counts.
"""

from __future__ import annotations

import json
import socket
import threading
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler
from typing import Any

CONNECTIONS = 32
"""Connections that the services take from one environment."""
REQUESTS = 200
"""Requests that they answer altogether; then they close the connections."""
SECONDS = 15
"""How long they wait for somebody who has begun a request."""
LIBRARIES = "libraries"
"""The service that has the libraries."""

# --- the trusted side


@dataclass(frozen=True)
class Request:
    """A request that came: over which connection, to which service, for which path."""

    connection: int
    service: str
    path: str


class Services:
    """Services on HTTP/1.1 that keep connections open, and what came to them, in order.

    answers: for a service and a path, the answer (plain data), or None where there is none. libraries: by name, the source
    of each. Use it in a ``with`` block.
    """

    def __init__(self, answers: Callable[[str, str], Any], libraries: Mapping[str, str] | None = None) -> None:
        self.answers, self.libraries = answers, libraries or {}
        self.requests: list[Request] = []
        self.met = False
        """Whether those for whom ``hold`` waits were there at the same time."""
        self._changed = threading.Condition()
        self._waiting: list[str] = []
        self._wanted: frozenset[str] = frozenset()
        self._patience = 0.0
        self._ends: list[socket.socket] = []
        self._handed: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None

    def __enter__(self) -> Services:
        return self

    def __exit__(self, *exception: object) -> None:
        self.hold(())
        if self._listener is not None:
            _end(self._listener)
            self._listener.close()
        for end in self._ends:
            _end(end)
        for end in self._handed:
            end.close()
        for thread in self._threads:
            thread.join(1)

    def connections(self) -> list[socket.socket]:
        """The other ends of ``CONNECTIONS`` new connections."""
        pairs = [socket.socketpair() for _ in range(CONNECTIONS)]
        for ours, _ in pairs:
            self._serve(ours)
        self._handed += [theirs for _, theirs in pairs]
        return self._handed[-CONNECTIONS:]

    def listen(self) -> int:
        """Take connections on a port of this machine, which is given back."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self._listener.getsockname()[1]

    def hold(self, services: Iterable[str], patience: float = 0.0) -> None:
        """Answer from now on only when ``services`` all have a request waiting, or when ``patience`` seconds were in vain."""
        with self._changed:
            self.met, self._wanted, self._patience = False, frozenset(services), patience
            self._changed.notify_all()

    def drop(self) -> None:
        """Close every connection over which a request came, as services do with those that were idle for long."""
        for number in {request.connection for request in self.requests}:
            _end(self._ends[number])

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # closed meanwhile
            while True:
                self._serve(listener.accept()[0])

    def _serve(self, end: socket.socket) -> None:
        number = len(self._ends)
        self._ends.append(end)
        thread = threading.Thread(target=self._converse, args=(end, number), daemon=True, name="a service")
        self._threads.append(thread)
        thread.start()

    def _converse(self, end: socket.socket, number: int) -> None:
        with suppress(OSError), end:
            _Conversation(end, number, self)

    def _answer(self, connection: int, service: str, path: str) -> Any:
        with self._changed:
            if len(self.requests) >= REQUESTS:
                raise ConnectionAbortedError
            self.requests.append(Request(connection, service, path))
            if service == LIBRARIES:
                name = path.removeprefix("/")
                return {"source": self.libraries[name]} if name in self.libraries else None
            self._waiting.append(service)
            if self._wanted and self._wanted <= set(self._waiting):
                self.met, self._wanted = True, frozenset()
                self._changed.notify_all()
            if not self._changed.wait_for(lambda: not self._wanted, self._patience):
                self._wanted = frozenset()  # in vain: nobody waits any longer
                self._changed.notify_all()
            self._waiting.remove(service)
        return self.answers(service, path)


class _Conversation(BaseHTTPRequestHandler):
    """One connection: requests and answers, until it is closed."""

    protocol_version = "HTTP/1.1"
    timeout = SECONDS
    wbufsize = -1  # an answer goes out in one piece: two would wait for each other

    def __init__(self, end: socket.socket, number: int, services: Services) -> None:
        self.number, self.services = number, services
        super().__init__(end, ("", number), None)

    def do_GET(self) -> None:
        answer = self.services._answer(self.number, self.headers.get("Host", ""), self.path)
        body = json.dumps(answer).encode("ascii")
        self.send_response(200 if answer is not None else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *about: object) -> None:
        """Nothing is logged."""


def _end(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


# --- the learner's side


class Client(HTTPConnection):
    """A client of one service. It connects with its first request, and keeps the connection until it is closed."""

    def __init__(self, service: str, dial: Callable[[], socket.socket]) -> None:
        super().__init__(service)
        self.dial = dial

    def connect(self) -> None:
        self.sock = self.dial()

    def get(self, path: str) -> Any:
        """What the service answers. ``ConnectionError`` where it has closed the connection; the next request opens another."""
        if self.sock is None:
            self.connect()
        try:
            self.request("GET", path)
            with self.getresponse() as response:
                text = response.read()
        except (OSError, HTTPException):
            self.close()
            raise ConnectionError(f"the service {self.host} has closed the connection") from None
        if response.status != 200:
            raise LookupError(f"the service {self.host} has no {path}")
        return json.loads(text)


_open: list[Client | socket.socket] = []
"""Of the environment that lives: one at a time."""


def environment(connections: Sequence[socket.socket]) -> tuple[Callable[[str], Any], Callable[[str], Client]]:
    """``load`` and ``connect`` of a new environment, over ``connections``; those of the one before end."""
    for each in _open:
        each.close()
        if isinstance(each, Client):
            each.dial = _ended
    _open[:] = connections
    spare = list(connections)

    def dial() -> socket.socket:
        if not spare:
            raise ConnectionError(f"no more than {CONNECTIONS} connections are taken")
        return spare.pop(0)

    def connect(service: str) -> Client:
        client = Client(service, dial)
        _open.append(client)
        return client

    libraries, loaded = connect(LIBRARIES), {}

    def load(name: str) -> types.ModuleType:
        if name not in loaded:
            library = types.ModuleType(name)
            exec(libraries.get(f"/{name}")["source"], library.__dict__)
            loaded[name] = library
        return loaded[name]

    return load, connect


def _ended() -> socket.socket:
    raise RuntimeError(
        "This client was made in an environment that has ended: keep what an environment keeps inside make_handler."
    )
