"""Ask PostgreSQL one thing, through libpq and nothing else.

Every container start passes through this file, so what it imports is paid each time: keep it to
`ctypes`, `os`, `select`, `sys` and `time`. libpq itself reads the settings (conninfo, PG* variables,
.pgpass, service files) and does TLS, SCRAM and the rest, so what holds for psql holds here.

Two things libpq does without asking back: it looks host names up synchronously, so neither the timeout
nor a Python signal handler can interrupt the resolver; and of several hosts it tries the next only when
one has failed, so a silent first host uses up the whole timeout.
"""

import ctypes
import os
import select
import sys
import time

BAD, _AWAITING_RESPONSE, _AUTH_OK = 1, 4, 5  # ConnStatusType
_POLL_FAILED, _POLL_READING, _POLL_OK = 0, 1, 3  # PostgresPollingStatusType
_TUPLES, _COPY, _BAD_RESPONSE, _FATAL = 2, (3, 4, 8), 5, 7  # ExecStatusType
_DEFAULT, _VERBOSE = 1, 2  # PGVerbosity

_GRACE = 5.0  # seconds that a cancelled statement may take to end before the connection is given up
# When the network goes away, nobody tells this end of the connection: then these do. A URL's own values win.
_KEEPALIVES = {b"keepalives_idle": b"30", b"keepalives_interval": b"10", b"keepalives_count": b"3"}

_PTR, _INT, _STR = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
_STRINGS = ctypes.POINTER(_STR)

# Result, arguments, functions.
_PROTOTYPES = (
    (_PTR, (_STRINGS, _STRINGS, _INT), "PQconnectStartParams"),
    (_PTR, (_PTR,), "PQgetResult PQgetCancel"),
    (_PTR, (_PTR, _PTR, _PTR), "PQsetNoticeProcessor"),
    (None, (_PTR,), "PQfinish PQclear PQfreeCancel"),
    (_INT, (_PTR,), "PQconnectPoll PQstatus PQsocket PQflush PQconsumeInput PQisBusy"),
    (_INT, (_PTR,), "PQbackendPID PQserverVersion PQresultStatus PQntuples PQnfields"),
    (_INT, (_PTR, _INT), "PQsetErrorVerbosity PQsetnonblocking"),
    (_INT, (_PTR, _STR), "PQsendQuery"),
    (_INT, (_PTR, _STR, _INT, _PTR, _STRINGS, _PTR, _PTR, _INT), "PQsendQueryParams"),
    (_INT, (_PTR, _STR, _INT), "PQcancel"),
    (_INT, (_PTR, _INT, _INT), "PQgetisnull"),
    (_STR, (_PTR, _INT, _INT), "PQgetvalue"),
    (_STR, (_PTR, _INT), "PQresultErrorField"),
    (_STR, (_PTR, _STR), "PQparameterStatus"),
    (_STR, (_PTR,), "PQerrorMessage PQhost PQport PQdb PQuser"),
)
# Since libpq 17: cancelling without blocking, and over TLS.
_PROTOTYPES_17 = (
    (_PTR, (_PTR,), "PQcancelCreate"),
    (_INT, (_PTR,), "PQcancelStart PQcancelPoll PQcancelSocket"),
    (None, (_PTR,), "PQcancelFinish"),
)

_library: ctypes.CDLL | None = None

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself would be an import on the fast path
    from collections.abc import Callable

    Late = tuple[float, Callable[[], None]]
    Sent = str | bytes | ctypes.c_char_p


class ConnectFailed(Exception):
    """No connection; nothing is left open. `sqlstate` is None where the server had no say."""

    def __init__(self, sqlstate: str | None, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message


class ConnectionLost(Exception):
    """The connection ended under a query: whether the query took effect is not known."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate


class QueryFailed(Exception):
    """The server refused a query; the connection is usable. `position` counts characters from 1."""

    def __init__(
        self, sqlstate: str | None, message: str, detail: str = "", hint: str = "", position: int | None = None
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position


class TimeIsUp(Exception):
    """Not TimeoutError, which the caller's own signal handler may raise."""


def load() -> ctypes.CDLL | None:
    """Return libpq, loaded once a process, or None where none can be loaded."""
    global _library
    for path in () if _library else _candidates():
        try:
            library = ctypes.CDLL(path)
            declare(library, _PROTOTYPES)
        except (OSError, AttributeError):  # not there, for another platform, or older than what we call
            continue
        if hasattr(library, "PQcancelCreate"):
            declare(library, _PROTOTYPES_17)
        _library = library
        break
    return _library


def _candidates() -> list[str]:
    # psycopg's own copy comes first: it loads faster than Debian's (3.6 ms against 5.7), is a current
    # release, and is the one that psycopg uses if it is imported later in this process.
    paths = [os.environ["SCHEMATA_LIBPQ"]] if os.environ.get("SCHEMATA_LIBPQ") else []
    macos = sys.platform == "darwin"
    folder = "psycopg_binary/.dylibs" if macos else "psycopg_binary.libs"
    for location in sys.path:
        try:
            names = os.listdir(os.path.join(location, folder))
        except OSError:
            continue
        paths += [os.path.join(location, folder, name) for name in names if name.startswith("libpq")]
    return [*paths, "libpq.5.dylib" if macos else "libpq.so.5"]


def declare(library: ctypes.CDLL, prototypes: "tuple[tuple[object, tuple[object, ...], str], ...]") -> None:
    """Tell ctypes of functions; without, it would cut a 64-bit pointer to an int. Raises AttributeError."""
    for result, arguments, names in prototypes:
        for name in names.split():
            function = getattr(library, name)
            function.restype = result
            function.argtypes = arguments


def connect(
    conninfo: str, *, timeout: float, application_name: str, library: ctypes.CDLL | None = None
) -> "Connection":
    """Log in to a server: `conninfo` is what psql accepts, a URL or `key=value`s; `timeout` is in seconds.

    The timeout replaces connect_timeout and PGCONNECT_TIMEOUT. Signal handlers run while it waits. A
    failure, ConnectFailed, leaves nothing open, and its message holds no password.
    """
    pq = library or load()
    if pq is None:
        raise ConnectFailed(None, "no libpq was found: install psycopg[binary], or set SCHEMATA_LIBPQ")
    deadline = time.monotonic() + timeout
    settings = {**_KEEPALIVES, b"dbname": os.fsencode(conninfo)}
    if b"\0" in settings[b"dbname"]:
        raise ConnectFailed(None, "invalid connection settings: they contain a NUL character")
    settings[b"application_name"] = application_name.encode()
    settings[b"client_encoding"] = b"UTF8"
    strings = _STR * (len(settings) + 1)
    handle = pq.PQconnectStartParams(strings(*settings), strings(*settings.values()), 1)
    if not handle:
        raise MemoryError("libpq could not allocate a connection")
    try:
        # In the verbose form even a connection that never was names its SQLSTATE, in any language.
        pq.PQsetErrorVerbosity(handle, _VERBOSE)
        if pq.PQstatus(handle) == BAD:
            raise _connect_failed(pq, handle, conninfo)
        # A notice must not reach stderr. What swallows it is a harmless function of libpq's, not of
        # Python's: an exception that a signal handler raises inside a ctypes callback is lost.
        pq.PQsetNoticeProcessor(handle, pq.PQstatus, handle)
        _drive(pq.PQconnectPoll, pq.PQsocket, handle, deadline)
        if pq.PQstatus(handle) == BAD:
            raise _connect_failed(pq, handle, conninfo)
        pq.PQsetErrorVerbosity(handle, _DEFAULT)
        pq.PQsetnonblocking(handle, 1)
        return Connection(pq, handle)
    except TimeIsUp:
        location = f'"{_text(pq.PQhost(handle))}", port {_text(pq.PQport(handle))}'
        # In these states the other side took the connection and, unless it was asked without TLS, has spoken.
        what = "no session" if pq.PQstatus(handle) in (_AWAITING_RESPONSE, _AUTH_OK) else "no answer"
        pq.PQfinish(handle)
        raise ConnectFailed(None, f"connection to server at {location}: {what} within {timeout:g} s") from None
    except BaseException:
        pq.PQfinish(handle)
        raise


class Connection:
    """A session. Not for two threads at a time."""

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self.library = library
        self.handle: int | None = handle
        self.backend_pid: int = library.PQbackendPID(handle)
        self.server_version: int = library.PQserverVersion(handle)  # 180006 is 18.6
        self.host = _text(library.PQhost(handle))
        self.port = _text(library.PQport(handle))
        self.database = _text(library.PQdb(handle))
        self.user = _text(library.PQuser(handle))
        self.is_socket = self.host.startswith(("/", "@"))  # @: Linux's abstract sockets

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Tell whether the session was ended from this side; one that was lost is known only after a query."""
        return self.handle is None

    def close(self) -> None:
        """End the session; a transaction still open is rolled back by the server."""
        handle, self.handle = self.handle, None
        if handle:
            self.library.PQfinish(handle)

    def parameter(self, name: str) -> str | None:
        """Return what the server last reported of a setting, such as in_hot_standby (14 and later)."""
        value = self.library.PQparameterStatus(self.handle, name.encode()) if self.handle else None
        return None if value is None else _text(value)

    def hears(self, seconds: float) -> bool:
        """Wait until the server sends something by itself, such as a notification; False after so many seconds.

        A lost connection sends something too: the next query tells.
        """
        try:
            wait(self.library.PQsocket(self.handle), select.POLLIN, time.monotonic() + seconds)
        except TimeIsUp:
            return False
        self.library.PQconsumeInput(self.handle)
        return True

    def query(
        self, sql: str, *params: str | None, timeout: float | None = None, late: "Late | None" = None
    ) -> list[tuple[str | None, ...]]:
        """Run `sql` and return its rows as the server writes them; `timeout` is in seconds.

        Without parameters it may hold several statements: the rows are the last one's, and the whole is
        one transaction unless it says otherwise. With parameters ($1 ...) it is one statement. `late` is
        called once when no answer has come within its seconds.

        Raises QueryFailed, or ConnectionLost, which closes the connection. After the timeout the statement
        is cancelled on the server and QueryFailed carries 57014; so it is when a signal handler raises,
        and the handler's exception goes on.
        """
        if self.handle is None:
            raise ConnectionLost("the connection is closed")
        if "\0" in sql or any(param is not None and "\0" in param for param in params):
            raise QueryFailed("22021", "a NUL character is not possible in PostgreSQL's text")
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            self.send(sql, params, deadline)
            return self._rows(deadline, late)
        except (ConnectionLost, QueryFailed):
            raise
        except TimeIsUp:
            self.abandon()
            if self.handle is None:
                raise ConnectionLost(
                    f"no answer within {timeout:g} s, and the request to cancel it got none either"
                ) from None
            raise QueryFailed("57014", f"no answer within {timeout:g} s: the statement was cancelled") from None
        except BaseException:
            self.abandon()
            raise

    def send(self, sql: "Sent", params: tuple[str | None, ...] = (), deadline: float | None = None) -> None:
        """Send a query and do not wait for what comes of it. Raises QueryFailed or ConnectionLost."""
        pq, handle = self.library, self.handle
        text = sql.encode() if isinstance(sql, str) else sql
        if params:
            values = (_STR * len(params))(*[None if param is None else param.encode() for param in params])
            sent = pq.PQsendQueryParams(handle, text, len(params), None, values, None, None, 0)
        else:
            sent = pq.PQsendQuery(handle, text)
        while sent and (left := pq.PQflush(handle)):
            # A server that is itself blocked in writing must be read from, or neither side moves.
            ready = wait(pq.PQsocket(handle), select.POLLIN | select.POLLOUT, deadline)
            sent = left > 0 and (not ready & select.POLLIN or pq.PQconsumeInput(handle))
        if not sent:
            message = _text(pq.PQerrorMessage(handle)).strip()
            if pq.PQstatus(handle) == BAD:
                self.close()
                raise ConnectionLost(message)
            raise QueryFailed(None, message)

    def _rows(self, deadline: float | None, late: "Late | None" = None) -> list[tuple[str | None, ...]]:
        pq, handle = self.library, self.handle
        rows: list[tuple[str | None, ...]] = []
        failure: QueryFailed | None = None
        fatal = False
        if late is not None and not self.hears(late[0]):
            late[1]()
        while result := self._result(deadline):
            try:
                status = pq.PQresultStatus(result)
                if status in _COPY:
                    self.close()  # the only way out of COPY that cannot hang
                    raise ConnectionLost("COPY to or from the client is not possible here: the session was ended")
                if status in (_BAD_RESPONSE, _FATAL):
                    failure = _query_failed(pq, result)
                    fatal = pq.PQresultErrorField(result, ord("V")) in (b"FATAL", b"PANIC")
                columns = range(pq.PQnfields(result))
                rows = [
                    tuple([_value(pq, result, row, column) for column in columns])
                    for row in range(pq.PQntuples(result))
                ]
            finally:
                pq.PQclear(result)
        if failure and (fatal or pq.PQstatus(handle) == BAD):
            self.close()
            raise ConnectionLost(failure.message, failure.sqlstate)
        if failure:
            raise failure
        return rows

    def _result(self, deadline: float | None) -> int | None:
        pq, handle = self.library, self.handle
        while pq.PQisBusy(handle):
            wait(pq.PQsocket(handle), select.POLLIN, deadline)
            if not pq.PQconsumeInput(handle):
                break  # lost: PQgetResult says how
        return pq.PQgetResult(handle)  # type: ignore[no-any-return]

    def abandon(self) -> None:
        """Cancel the running statement and read what is left of it; close the connection where that hangs."""
        if self.handle is None:
            return
        deadline = time.monotonic() + _GRACE
        try:
            self._cancel(deadline)
            self._rows(deadline)
        except (QueryFailed, ConnectionLost):
            pass
        except TimeIsUp:
            self.close()
        except BaseException:
            self.close()
            raise

    def _cancel(self, deadline: float) -> None:
        pq = self.library
        modern = hasattr(pq, "PQcancelCreate")
        request = (pq.PQcancelCreate if modern else pq.PQgetCancel)(self.handle)
        try:
            if not modern:
                pq.PQcancel(request, ctypes.create_string_buffer(256), 256)
            elif pq.PQcancelStart(request):
                _drive(pq.PQcancelPoll, pq.PQcancelSocket, request, deadline)
        finally:
            (pq.PQcancelFinish if modern else pq.PQfreeCancel)(request)


def _drive(poll: "ctypes._NamedFuncPointer", socket: "ctypes._NamedFuncPointer", handle: int, deadline: float) -> None:
    """Let libpq connect, by its own protocol: call `poll` whenever the socket is ready for it."""
    state = -1
    while state not in (_POLL_FAILED, _POLL_OK):
        # libpq may change the socket at each step (next address, next host, TLS refused).
        wait(socket(handle), select.POLLIN if state == _POLL_READING else select.POLLOUT, deadline)
        state = poll(handle)


def wait(descriptor: int, events: int, deadline: float | None) -> int:
    """Return which of the events came, or raise TimeIsUp; signal handlers run meanwhile (PEP 475)."""
    left = None if deadline is None else deadline - time.monotonic()
    poller = select.poll()  # not select(), which fails for descriptors above 1023
    poller.register(descriptor, events)
    # Never 0 or less while time is left, and within C's int.
    ready = poller.poll(None if left is None else min(int(max(left, 0) * 1000) + 1, 2**31 - 1))
    if not ready or (left is not None and left <= 0):
        raise TimeIsUp
    return ready[0][1]


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")


def _value(pq: ctypes.CDLL, result: int, row: int, column: int) -> str | None:
    raw: bytes = pq.PQgetvalue(result, row, column)
    if not raw and pq.PQgetisnull(result, row, column):
        return None
    # A SQL_ASCII database sends any bytes: keep them, rather than fail on another one's comment.
    return raw.decode("utf-8", "surrogateescape")


def _query_failed(pq: ctypes.CDLL, result: int) -> QueryFailed:
    sqlstate, message, detail, hint, position = [_text(pq.PQresultErrorField(result, ord(code))) for code in "CMDHP"]
    return QueryFailed(sqlstate or None, message, detail, hint, int(position) if position else None)


def _connect_failed(pq: ctypes.CDLL, handle: int, conninfo: str) -> ConnectFailed:
    # Imported here: a start that works never needs them.
    from schemata.postgres import failures, urls

    sqlstate, message = failures.read_verbose(_text(pq.PQerrorMessage(handle)))
    # Without a SQLSTATE it is libpq's own complaint, and those may quote the settings.
    return ConnectFailed(sqlstate, message if sqlstate else urls.conceal(message, conninfo))
