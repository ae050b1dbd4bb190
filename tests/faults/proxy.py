"""A TCP proxy between a deployer and its server that can lose, hold back or swallow what passes.

It reads the client's messages one by one (PostgreSQL's protocol 3), so that it acts on an exact statement.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

Matches = Callable[[str], bool]

_PROTOCOL_3 = 3  # major version in a startup message; SSL, GSS and cancel requests have 1234


class Proxy:
    """Forwards until it is told otherwise. Each order is for the first statement that matches, and once only."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (str(parts.hostname), int(parts.port or 5432))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f"@{parts.hostname}:{parts.port}/", f"@127.0.0.1:{self._listener.getsockname()[1]}/")
        self._orders: dict[str, Matches] = {}
        self._lock = threading.Lock()
        self._swallowing = threading.Event()
        self._released = threading.Event()
        self.acted = threading.Event()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_before(self, matches: Matches) -> None:
        """Drop the connection instead of forwarding the statement."""
        self._orders["before"] = matches

    def cut_after(self, matches: Matches) -> None:
        """Forward the statement, let the server answer, and drop the connection instead of the answer."""
        self._orders["after"] = matches

    def hold_answer(self, matches: Matches) -> None:
        """Forward the statement and keep the server's answer, which sets `acted`, until `release`."""
        self._orders["hold"] = matches

    def release(self) -> None:
        """Let the answer through that is held."""
        self._released.set()

    def swallow(self) -> None:
        """Forward nothing any more in either direction, the ends of connections included."""
        self._swallowing.set()

    def close(self) -> None:
        """Close every socket."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._released.set()
        for each in self._sockets:
            _drop(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            connection = _Connection(self, client, socket.create_connection(self._server))
            self._sockets += [connection.client, connection.server]
            threading.Thread(target=connection.forward, daemon=True).start()
            threading.Thread(target=connection.answer, daemon=True).start()

    def order(self, text: str) -> str:
        """Return what is to be done with a statement; the order is used up."""
        with self._lock:
            for name, matches in list(self._orders.items()):
                if matches(text):
                    del self._orders[name]
                    return name
        return ""

    @property
    def connections(self) -> int:
        """Return how many connections were made so far."""
        return len(self._sockets) // 2

    @property
    def swallows(self) -> bool:
        """Tell whether everything is lost by now."""
        return self._swallowing.is_set()

    def wait_for_release(self) -> None:
        """Return when the held answer may go on."""
        self.acted.set()
        self._released.wait()


class _Connection:
    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self._proxy = proxy
        self._doing = ""

    def forward(self) -> None:
        """Pass on what the client says."""
        with contextlib.suppress(OSError, EOFError):
            while self._startup() != _PROTOCOL_3:
                pass
            while True:
                kind = _exactly(self.client, 1)
                (length,) = struct.unpack("!I", head := _exactly(self.client, 4))
                body = _exactly(self.client, length - 4)
                if kind == b"Q":
                    self._doing = self._proxy.order(body[:-1].decode())
                if self._doing == "before":
                    self._proxy.acted.set()
                    self._drop()
                    return
                if not self._proxy.swallows:
                    self.server.sendall(kind + head + body)
        if not self._proxy.swallows:
            self._drop()

    def _startup(self) -> int:
        head = _exactly(self.client, 8)
        length, major, _ = struct.unpack("!IHH", head)
        self.server.sendall(head + _exactly(self.client, length - 8))
        return int(major)

    def answer(self) -> None:
        """Pass on what the server says."""
        with contextlib.suppress(OSError):
            while data := self.server.recv(65536):
                if self._doing == "after":
                    self._proxy.acted.set()
                    break
                if self._doing == "hold":
                    self._doing = ""
                    self._proxy.wait_for_release()
                if not self._proxy.swallows:
                    self.client.sendall(data)
        if not self._proxy.swallows:
            self._drop()

    def _drop(self) -> None:
        _drop(self.client)
        _drop(self.server)


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = source.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _drop(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@contextlib.contextmanager
def between(url: str) -> Iterator[Proxy]:
    """Run a proxy to the server of a URL for the time of the block."""
    running = Proxy(url)
    try:
        yield running
    finally:
        running.close()
