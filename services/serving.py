"""Listen, serve until a signal comes, finish what is at work, and end in time."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from schemata import errors
from services import logs

#: Seconds for requests in flight, and until the process ends whatever is still at work: below the five that
#: a container has.
GRACE: Final = 2
DEADLINE: Final = 4.0


def main(name: str, make: Callable[[], ASGIApp], stopping: asyncio.Event | None = None) -> int:
    """Serve what `make` returns on $HOST:$PORT until SIGTERM (0) or SIGINT (130); return the exit code.

    `stopping` is set when the signal comes, before the requests in flight are waited for.

    An expected error is one line of the log and its own exit code.
    """
    log = logs.start(name)
    try:
        listener = listen()
        with listener:
            server = Server(_configured(make()))
            # What is there now stays: no later collection looks through it.
            gc.freeze()
            gc.enable()
            server.stopping = stopping
            asyncio.run(server.serve(sockets=[listener]))
    except errors.Error as error:
        log.error("%s. %s", error.message, " ".join(error.hint.split()))
        return error.exit_code
    log.info("stopped")
    return 130 if server.stopped_by == signal.SIGINT else 0


def _configured(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app, lifespan="on", log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE
    )


class Server(uvicorn.Server):
    """uvicorn's server, which ends with a return instead of with the signal that stopped it."""

    stopped_by: int = 0
    stopping: asyncio.Event | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and say where."""
        await super().startup(sockets)
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            named = f"[{host}]" if ":" in host else host
            logs.LOG.info("listening", extra={"facts": {"url": f"http://{named}:{port}"}})

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as a request to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        yield

    def _stop(self, number: int) -> None:
        if not self.stopped_by:
            self.stopped_by = number
            # A thread that waits for a frozen database cannot be stopped, and Python would wait for it.
            timer = threading.Timer(DEADLINE, _end)
            timer.daemon = True
            timer.start()
        if self.stopping is not None:
            self.stopping.set()
        self.should_exit = True


def fail(what: str, error: BaseException | None) -> None:
    """End the process with 1 for a mistake that no request can be told of."""
    logs.LOG.error(what, exc_info=error)
    os._exit(1)


def listen() -> socket.socket:
    """Return the socket that $HOST and $PORT name, bound; raises ConfigError or NotAvailable."""
    host, text = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000"
    if not text.isdecimal() or int(text) > 65535:
        raise errors.ConfigError(f"PORT={text} is no port", "Set PORT to a number from 0 (any that is free) to 65535.")
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, int(text), type=socket.SOCK_STREAM)[0]
        # Without its protocol asyncio would leave Nagle on: 40 ms an answer.
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise errors.NotAvailable(
            f"{host}:{text} cannot be listened on: {error.strerror}",
            "Stop what listens there, or choose another PORT (and HOST).",
        ) from error
    return listener


def _end() -> None:
    sys.stderr.write("stopped without waiting for what the database did not answer\n")
    sys.stderr.flush()
    os._exit(143)
