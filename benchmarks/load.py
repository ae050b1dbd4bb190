"""Requests over some connections at once, each sent when the answer before it is there:
`python load.py URL CONNECTIONS SECONDS [HEADER ...]`.

A process of its own, so that it takes nothing from the loop of what it measures. Prints one object of JSON.
"""

import asyncio
import json
import sys
import time
import urllib.parse


class Connection(asyncio.Protocol):
    """One connection that sends the same request again and again until it is told to stop."""

    def __init__(self, request: bytes, until: float, seconds: list[float], refused: list[str]) -> None:
        self._request = request
        self._until = until
        self._seconds = seconds
        self._refused = refused
        self._received = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first one."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._received = b""
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Send the next one when an answer is whole."""
        self._received += data
        head, ended, body = self._received.partition(b"\r\n\r\n")
        if not ended:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        now = time.perf_counter()
        status = head.split(b" ")[1].decode()
        if status.startswith("5"):
            self._refused.append(status)
        elif status != "200":
            self._fail(f"answered {status}: {body[:300].decode()}")
            return
        self._seconds.append(now - self._sent_at)
        if now < self._until:
            self._send()
        else:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail if it was not we who closed it."""
        if not self.done.done():
            self._fail(f"closed the connection: {error}")

    def _fail(self, text: str) -> None:
        self.done.set_exception(ConnectionError(text))
        self._transport.close()


async def run(url: str, connections: int, duration: float, headers: list[str]) -> dict[str, float]:
    """Return requests a second, the median and the 99th percentile of their seconds, how many were answered 5xx.

    Any other answer than 200 is a mistake of ours, and raises ConnectionError; so does a connection that is closed.
    """
    parts = urllib.parse.urlsplit(url)
    lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", *headers]
    request = "\r\n".join([*lines, "", ""])
    seconds: list[float] = []
    refused: list[str] = []
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = [
        (
            await loop.create_connection(
                lambda: Connection(request.encode(), began + duration, seconds, refused), parts.hostname, parts.port
            )
        )[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(one.done for one in made))
    took = time.perf_counter() - began
    seconds.sort()
    return {
        "requests": len(seconds),
        "failed": len(refused),
        "rate": len(seconds) / took,
        "median": seconds[len(seconds) // 2],
        "p99": seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))))
