"""Ask PostgreSQL by the cheapest way this machine has: libpq itself, or else psycopg.

The session, its waiting, its errors and its cancelling are libpq.py's in both cases: psycopg only stands
in for the library underneath. Where libpq can be loaded nothing of psycopg is imported.
"""

import ctypes
import os

from schemata.postgres import libpq

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself would be an import on the fast path
    from collections.abc import Callable

# psycopg cannot ask libpq to name the SQLSTATE of a login that failed. What the server's own text tells,
# if it is in English; of others `sqlstate` stays None.
_LOGIN_SQLSTATES = (
    ("password authentication failed", "28P01"),
    ("authentication failed", "28000"),
    ("pg_hba.conf", "28000"),
    ("too many ", "53300"),
    ("connection slots are reserved", "53300"),
    ("the database system is ", "57P03"),
    ("due to administrator command", "57P01"),
    ("permission denied for database", "42501"),
    ('role "', "28000"),
    ('database "', "3D000"),
)


def connect(conninfo: str, *, timeout: float, application_name: str, through_psycopg: bool = False) -> libpq.Connection:
    """Log in to a server, as libpq.connect does, with or without a libpq that ctypes can load.

    With `through_psycopg` or SCHEMATA_NO_LIBPQ=1 psycopg is used in any case: then the handle of the connection is
    psycopg's own. A failure, libpq.ConnectFailed, leaves nothing open.
    """
    no_libpq = through_psycopg or os.environ.get("SCHEMATA_NO_LIBPQ") == "1"
    library = None if no_libpq else libpq.load()
    return libpq.connect(
        conninfo,
        timeout=timeout,
        application_name=application_name,
        library=library or _through_psycopg(),
    )


def is_through_psycopg(connection: libpq.Connection) -> bool:
    """Tell whether the handle of a connection is psycopg's."""
    return not isinstance(connection.library, ctypes.CDLL)


def _through_psycopg() -> ctypes.CDLL:
    """Return the functions that libpq.py calls, made of psycopg's wrapper: its objects are the handles."""
    # Imported here: psycopg costs more than the rest of a start together, and few starts need it.
    import types

    import psycopg
    from psycopg import conninfo, pq

    from schemata.postgres import urls

    # As in libpq.py the strings come in ctypes' arrays, which end in None.
    def start(keywords: "ctypes.Array[ctypes.c_char_p]", values: "ctypes.Array[ctypes.c_char_p]", _: int) -> object:
        pairs = zip(list(keywords), list(values), strict=True)
        settings = {str(key, "ascii"): os.fsdecode(value) for key, value in pairs if key}
        given = settings.pop("dbname")
        try:
            # psql takes a bare word for a database's name; this parser does not.
            text = given if "=" in given or "://" in given else conninfo.make_conninfo(dbname=given)
            return pq.PGconn.connect_start(os.fsencode(conninfo.make_conninfo(text, **settings)))
        except psycopg.ProgrammingError as error:
            raise libpq.ConnectFailed(None, urls.conceal(str(error).strip(), given)) from None

    def error_message(connection: pq.abc.PGconn) -> bytes:
        text = connection.error_message
        # In the place where libpq itself would write it.
        head, severity, message = text.rpartition(b"FATAL:  ")
        code = next((code for words, code in _LOGIN_SQLSTATES if words.encode() in message), "") if severity else ""
        return b"%b%b%b: %b" % (head, severity, code.encode(), message) if code else text

    def succeeds(call: object, *arguments: object) -> int:
        try:
            call(*arguments)  # type: ignore[operator]
        except psycopg.OperationalError:
            return 0
        return 1

    def flush(connection: pq.abc.PGconn) -> int:
        try:
            return connection.flush()
        except psycopg.OperationalError:
            return -1

    def collect_notices(connection: pq.abc.PGconn, into: "list[tuple[str, str]]") -> None:
        def hear(result: pq.abc.PGresult) -> None:
            severity, message = [(result.error_field(ord(code)) or b"").decode("utf-8", "replace") for code in "VM"]
            into.append((severity, message))

        connection.notice_handler = hear

    def put_copy(call: "Callable[..., int]", argument: "bytes | None") -> int:
        try:
            return call(argument)
        except psycopg.OperationalError:
            return -1

    functions = {
        "collect_notices": collect_notices,  # instead of libpq's own buffer: see scripts.py
        "PQconnectStartParams": start,
        "PQconnectPoll": lambda connection: connection.connect_poll(),
        "PQfinish": lambda connection: connection.finish(),
        "PQstatus": lambda connection: connection.status,
        "PQerrorMessage": error_message,
        "PQsocket": lambda connection: connection.socket,
        "PQsetErrorVerbosity": lambda connection, verbosity: verbosity,  # psycopg has none: see error_message
        "PQsetNoticeProcessor": lambda connection, function, argument: None,  # psycopg drops notices
        "PQsetnonblocking": lambda connection, value: setattr(connection, "nonblocking", value),
        "PQflush": flush,
        "PQsendQuery": lambda connection, sql: succeeds(connection.send_query, sql),
        "PQsendQueryParams": lambda connection, sql, _count, _types, values, *_: succeeds(
            connection.send_query_params, sql, list(values)
        ),
        "PQconsumeInput": lambda connection: succeeds(connection.consume_input),
        "PQisBusy": lambda connection: connection.is_busy(),
        "PQgetResult": lambda connection: connection.get_result(),
        "PQclear": lambda result: result.clear(),
        "PQcmdStatus": lambda result: result.command_status,
        "PQtransactionStatus": lambda connection: connection.transaction_status,
        "PQputCopyEnd": lambda connection, why: put_copy(connection.put_copy_end, why),
        "PQputCopyData": lambda connection, data, _: put_copy(connection.put_copy_data, data),
        "PQresultStatus": lambda result: result.status,
        "PQresultErrorField": lambda result, code: result.error_field(code),
        "PQntuples": lambda result: result.ntuples,
        "PQnfields": lambda result: result.nfields,
        "PQgetvalue": lambda result, row, column: result.get_value(row, column) or b"",
        "PQgetisnull": lambda result, row, column: result.get_value(row, column) is None,
        "PQbackendPID": lambda connection: connection.backend_pid,
        "PQserverVersion": lambda connection: connection.server_version,
        "PQhost": lambda connection: connection.host,
        "PQport": lambda connection: connection.port,
        "PQdb": lambda connection: connection.db,
        "PQuser": lambda connection: connection.user,
        "PQparameterStatus": lambda connection, name: connection.parameter_status(name),
        "PQgetCancel": lambda connection: connection.get_cancel(),
        "PQcancel": lambda request, *_: succeeds(request.cancel),
        "PQfreeCancel": lambda request: request.free(),
    }
    if psycopg.capabilities.has_cancel_safe():
        functions |= {
            "PQcancelCreate": lambda connection: connection.cancel_conn(),
            "PQcancelStart": lambda request: succeeds(request.start),
            "PQcancelPoll": lambda request: request.poll(),
            "PQcancelSocket": lambda request: request.socket,
            "PQcancelFinish": lambda request: request.finish(),
        }
    return types.SimpleNamespace(**functions)  # type: ignore[return-value]
