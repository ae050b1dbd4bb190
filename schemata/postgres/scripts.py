"""Send SQL text whole through libpq; return one result a statement, and pass on notices as they come.

What a deploy needs beyond the one question of libpq.py: it goes on with the connection that asked that question, so
no start needs a second one. Where ctypes finds no libpq, psycopg stands in for it (asking.py).
"""

import ctypes
import re
import select
from collections.abc import Callable, Iterable
from typing import Any

from schemata.postgres import libpq

# ExecStatusType
COMMAND_OK, TUPLES_OK, COPY_OUT, COPY_IN, FATAL_ERROR, COPY_BOTH = 1, 2, 3, 4, 7, 8
COPY = (COPY_OUT, COPY_IN, COPY_BOTH)
# PGTransactionStatusType
ACTIVE, IN_TRANSACTION, IN_ERROR = 1, 2, 3

_DEFAULT, _VERBOSE = 1, 2  # PGVerbosity
_PTR, _INT, _STR = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
_PROTOTYPES = (
    (_INT, (_PTR,), "PQtransactionStatus"),
    (_STR, (_PTR,), "PQcmdStatus"),
    (_INT, (_PTR, _STR), "PQputCopyEnd"),
    (_INT, (_PTR, _STR, _INT), "PQputCopyData"),
    (_PTR, (), "createPQExpBuffer"),
    (None, (_PTR,), "resetPQExpBuffer destroyPQExpBuffer"),
)
# PG_DIAG_*: what psycopg's Diagnostic calls them, and the letter of the field.
_FIELDS = {
    "severity": "S",
    "sqlstate": "C",
    "message_primary": "M",
    "message_detail": "D",
    "message_hint": "H",
    "statement_position": "P",
    "context": "W",
    "schema_name": "s",
    "table_name": "t",
    "column_name": "c",
    "datatype_name": "d",
    "constraint_name": "n",
}
# In libpq's verbose form each notice ends with a line that says where in the server it was raised.
_NOTICE_END = re.compile(r"^LOCATION:  .*\n?", re.MULTILINE)
_NOTICE = re.compile(
    r"(?P<severity>[^:\n]+):  (?:(?P<sqlstate>[0-9A-Z]{5}): )?(?P<message>.*?)"
    r"(?:\n(?:DETAIL|HINT|QUERY|CONTEXT|LINE \d+|[A-Z]+ NAME):  ?.*)?\n*\Z",
    re.DOTALL,
)


class _Buffer(ctypes.Structure):
    """libpq's PQExpBufferData."""

    _fields_ = (("data", ctypes.c_void_p), ("len", ctypes.c_size_t), ("maxlen", ctypes.c_size_t))


class Diagnostic:
    """The fields of a server's error; None where it has no such field. The names are psycopg's."""

    severity: str | None
    sqlstate: str | None
    message_primary: str | None
    message_detail: str | None
    message_hint: str | None
    statement_position: str | None
    context: str | None
    schema_name: str | None
    table_name: str | None
    column_name: str | None
    datatype_name: str | None
    constraint_name: str | None

    def __init__(self, fields: dict[str, str | None]) -> None:
        for name in _FIELDS:
            setattr(self, name, fields.get(name))


class ServerError(Exception):
    """What the server said against a statement."""

    def __init__(self, fields: dict[str, str | None], message: str = "") -> None:
        self.diag = Diagnostic(fields)
        self.sqlstate = self.diag.sqlstate
        super().__init__(self.diag.message_primary or message.strip() or "no message")


class Result:
    """What one statement gave: how it ended, the command's tag, its rows as the server wrote them."""

    __slots__ = ("command_status", "error", "nfields", "rows", "status")

    def __init__(self, status: int, command_status: bytes) -> None:
        self.status = status
        self.command_status = command_status
        self.nfields = 0
        self.rows: list[tuple[bytes | None, ...]] = []
        self.error: ServerError | None = None

    @property
    def ntuples(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def get_value(self, row: int, column: int) -> bytes | None:
        """Return a value, None for NULL."""
        return self.rows[row][column]


class Tail:
    """What stands at the end of an ASCII text, to be sent without a copy: libpq makes two of its own."""

    def __init__(self, text: str, start: int) -> None:
        assert text.isascii()
        self._text = text
        self._start = start

    def encoded(self) -> bytes:
        """Return a copy."""
        return self._text[self._start :].encode()

    def pointer(self) -> ctypes.c_char_p:
        """Return where it stands in memory; it is there as long as this object is."""
        # Of an ASCII text that is the text itself, with a NUL after it.
        address = ctypes.PYFUNCTYPE(_PTR, ctypes.py_object)(("PyUnicode_AsUTF8", ctypes.pythonapi))(self._text)
        return ctypes.c_char_p(address + self._start)


class Channel:
    """A connection over which scripts are run. `notice` gets severity and message of each notice.

    It is made of a connection that is idle, and given back by `end`, which leaves it open.
    """

    def __init__(self, connection: libpq.Connection, notice: Callable[[str, str], None] | None = None) -> None:
        self.connection = connection
        self._notice = notice
        self._pq: Any = connection.library
        self._buffer: int | None = None
        self._heard: list[tuple[str, str]] = []
        # Of many statements most end in one of a few ways without rows: one object for each way.
        self._plain: dict[bytes, Result] = {}
        if isinstance(self._pq, ctypes.CDLL):
            libpq.declare(self._pq, _PROTOTYPES)
        if notice is not None:
            self._listen()

    @property
    def transaction_status(self) -> int:
        """Return where the session stands: ACTIVE, IN_TRANSACTION, IN_ERROR, or something else."""
        handle = self.connection.handle
        return int(self._pq.PQtransactionStatus(handle)) if handle else 4

    @property
    def lost(self) -> bool:
        """Tell whether the connection is closed or broken."""
        handle = self.connection.handle
        return not handle or self._pq.PQstatus(handle) == libpq.BAD

    def run(self, text: str | bytes | Tail, meanwhile: Callable[[], None] | None = None) -> list[Result]:
        """Send text as one simple query; return the results up to the first COPY or error, which are among them.

        `meanwhile` is called while the server works on it. Raises libpq.ConnectionLost. Any other exception, such
        as a signal's, leaves the statement running: see libpq.Connection.abandon.
        """
        connection = self.connection
        if connection.handle is None:
            raise libpq.ConnectionLost("the connection is closed")
        if isinstance(text, Tail):
            connection.send(text.pointer() if isinstance(self._pq, ctypes.CDLL) else text.encoded())
        else:
            connection.send(text)
        if meanwhile is not None:
            meanwhile()
        return self._results()

    def copy(self, rows: Iterable[bytes]) -> list[Result]:
        """Send the rows of a COPY … FROM STDIN, with which `run` ended; return what came of it.

        What the server refuses is told at the end. Raises libpq.ConnectionLost.
        """
        pq, handle = self._pq, self.connection.handle
        for part in rows:
            while not (sent := pq.PQputCopyData(handle, part, len(part))):
                self._flush()
            if sent < 0:
                break  # lost, or refused already: the results say how
            self._flush()
        while not pq.PQputCopyEnd(handle, None):
            self._flush()
        self._flush()
        return self._results()

    def stop_copy(self, why: str) -> None:
        """End a COPY … FROM STDIN, if one is under way, with an error; what comes of it is still to be read."""
        handle = self.connection.handle
        ended = self._pq.PQputCopyEnd(handle, why.encode()) if handle else -1
        if ended > 0:
            self._flush()
        elif not ended:  # the server takes nothing more: it would be waited for in vain
            self.connection.close()

    def _flush(self) -> None:
        """Send what libpq holds. A server that is itself blocked in writing is read from meanwhile."""
        pq, handle = self._pq, self.connection.handle
        while pq.PQflush(handle) > 0:
            ready = libpq.wait(pq.PQsocket(handle), select.POLLIN | select.POLLOUT, None)
            if ready & select.POLLIN and not pq.PQconsumeInput(handle):
                return  # lost: PQgetResult says how
            # To ask whether it is busy is what reads the notices that have come.
            pq.PQisBusy(handle)
            self._hear()

    def _results(self) -> list[Result]:
        pq = self._pq
        results: list[Result] = []
        while pointer := self._next():
            try:
                result = self._read(pointer)
            finally:
                pq.PQclear(pointer)
            results.append(result)
            if result.status in COPY:
                break
        self._hear()
        return results

    def refuse_copy(self, why: str) -> None:
        """End a COPY that the server has begun with an error, and the session with it."""
        handle = self.connection.handle
        if handle:
            self._pq.PQputCopyEnd(handle, why.encode())
        self.connection.close()

    def end(self) -> None:
        """Give the connection back as it was: notices are swallowed again. It may be closed already."""
        handle, buffer, self._buffer = self.connection.handle, self._buffer, None
        if buffer is None:
            return
        if handle:
            self._pq.PQsetNoticeProcessor(handle, self._pq.PQstatus, handle)
            self._pq.PQsetErrorVerbosity(handle, _DEFAULT)
        self._pq.destroyPQExpBuffer(buffer)

    def _listen(self) -> None:
        handle = self.connection.handle
        if hasattr(self._pq, "createPQExpBuffer"):
            # libpq itself writes them down, not a function of Python's: an exception that a signal handler raises
            # inside a ctypes callback is lost.
            self._buffer = self._pq.createPQExpBuffer()
            self._pq.PQsetErrorVerbosity(handle, _VERBOSE)
            self._pq.PQsetNoticeProcessor(handle, self._pq.appendPQExpBufferStr, self._buffer)
        else:
            self._pq.collect_notices(handle, self._heard)

    def _next(self) -> Any:
        pq, handle = self._pq, self.connection.handle
        while pq.PQisBusy(handle):
            # To ask whether it is busy is what reads the notices that have come.
            self._hear()
            libpq.wait(pq.PQsocket(handle), select.POLLIN, None)
            if not pq.PQconsumeInput(handle):
                break  # lost: PQgetResult says how
        return pq.PQgetResult(handle)

    def _read(self, pointer: Any) -> Result:
        pq = self._pq
        status = int(pq.PQresultStatus(pointer))
        tag = pq.PQcmdStatus(pointer) or b""
        if status == COMMAND_OK:
            plain = self._plain.get(tag)
            if plain is None:
                plain = self._plain[tag] = Result(status, tag)
            return plain
        result = Result(status, tag)
        if status == TUPLES_OK:
            result.nfields = pq.PQnfields(pointer)
            columns = range(result.nfields)
            result.rows = [
                tuple([self._value(pointer, row, column) for column in columns]) for row in range(pq.PQntuples(pointer))
            ]
        elif status == FATAL_ERROR:
            fields = {name: self._field(pointer, code) for name, code in _FIELDS.items()}
            said = (pq.PQerrorMessage(self.connection.handle) or b"").decode("utf-8", "replace")
            result.error = ServerError(fields, said)
        return result

    def _value(self, pointer: Any, row: int, column: int) -> bytes | None:
        raw: bytes = self._pq.PQgetvalue(pointer, row, column)
        return None if not raw and self._pq.PQgetisnull(pointer, row, column) else raw

    def _field(self, pointer: Any, code: str) -> str | None:
        raw: bytes | None = self._pq.PQresultErrorField(pointer, ord(code))
        return None if raw is None else raw.decode("utf-8", "replace")

    def _hear(self) -> None:
        """Pass on the notices that have come."""
        if self._buffer is not None:
            held = ctypes.cast(self._buffer, ctypes.POINTER(_Buffer)).contents
            if not held.len:
                return
            text = ctypes.string_at(held.data, held.len).decode("utf-8", "replace")
            self._pq.resetPQExpBuffer(self._buffer)
            self._heard += [each for part in _NOTICE_END.split(text) if (each := _notice(part))]
        heard = self._heard[:]
        del self._heard[: len(heard)]
        if self._notice is not None:
            for severity, message in heard:
                self._notice(severity, message)


def _notice(text: str) -> tuple[str, str] | None:
    """Return severity and message of a notice as libpq writes it; None for nothing.

    The server's word for the severity may be translated: a warning is known by its class of SQLSTATE.

    >>> _notice("NOTICE:  00000: hello\\nHINT:  do this\\n")
    ('NOTICE', 'hello')
    >>> _notice("WARNUNG:  01000: so")
    ('WARNING', 'so')
    """
    found = _NOTICE.match(text)
    if found is None:
        return ("NOTICE", text.strip()) if text.strip() else None
    warning = (found["sqlstate"] or "").startswith("01")
    return "WARNING" if warning else found["severity"], found["message"].rstrip()
