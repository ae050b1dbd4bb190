"""Why a server could not be reached, told apart: what a wait may outlast, and what it may not.

Light on purpose: the wait at a container's start imports this file.
"""


class Reason:
    """What stands between us and the server: one line for people, and what to type.

    `hopeless`: waiting cannot help. A missing database is neither: see `missing_database`.
    """

    __slots__ = ("hint", "hopeless", "kind", "text")

    def __init__(self, kind: str, hopeless: bool, text: str, hint: str) -> None:
        self.kind = kind
        self.hopeless = hopeless
        self.text = text
        self.hint = hint

    def __repr__(self) -> str:
        return f"Reason({self.kind!r}, hopeless={self.hopeless}, text={self.text!r})"

    @property
    def crowded(self) -> bool:
        """Whether the server, role, database or pooler has no free connection: others must end first."""
        return self.kind.endswith("_connections")

    @property
    def missing_database(self) -> bool:
        """Whether the server is well, but has no such database: hopeless unless we may create it."""
        return self.kind == "missing_database"


# kind: (hopeless, one line, what to type)
_KINDS = {
    "refused": (
        False,
        "no server accepts connections at that host and port",
        "Start the server (`inv dev-up`), or correct the host and port in DATABASE_URL.",
    ),
    "closed": (
        False,
        "the connection was closed before the server answered",
        "A container's port can be open before its server is: look at the server's log.",
    ),
    "dns": (
        False,
        "the host's name is not known",
        "Correct the host in DATABASE_URL; in Compose it is the service's name, once that has started.",
    ),
    "timeout": (
        False,
        "the host does not answer",
        "Look for a firewall or a wrong address; a slow network may need a longer timeout.",
    ),
    "unreachable": (
        False,
        "there is no route to the host",
        "Correct the address in DATABASE_URL, or start the network or VPN that leads there.",
    ),
    "starting": (False, "the server is starting up", "Wait; if it lasts, the server's log says what it recovers."),
    "stopping": (
        False,
        "the server is shutting down or restarting after a crash",
        "Wait for it to come back; if it does not, start it and read its log.",
    ),
    "no_session": (
        False,
        "the connection was accepted, but no answer came: behind a pooler, all of its connections are in use",
        "Wait for one, raise the pooler's pool size, or give a direct URL. Without a pooler the server hangs: read "
        "its log.",
    ),
    "too_many_connections": (
        False,
        "the server has no free connection: max_connections is reached",
        "Close idle sessions (pg_stat_activity lists them), or raise max_connections.",
    ),
    "role_connections": (
        False,
        "the role has no free connection: its CONNECTION LIMIT is reached",
        "Close idle sessions of the role (pg_stat_activity lists them), or raise it: "
        "ALTER ROLE <role> CONNECTION LIMIT <n>;",
    ),
    "database_connections": (
        False,
        "the database has no free connection: its CONNECTION LIMIT is reached",
        "Close idle sessions of the database (pg_stat_activity lists them), or raise it: "
        "ALTER DATABASE <name> CONNECTION LIMIT <n>;",
    ),
    "pooler_connections": (
        False,
        "the pooler has no free connection",
        "Wait for one, raise the pooler's limit (PgBouncer: max_client_conn, default_pool_size), or give a direct URL.",
    ),
    "password": (
        True,
        "the server refused the user or the password",
        "Correct them in DATABASE_URL or PGPASSWORD; in a URL write @ : / ? # % of a password as "
        "%40 %3A %2F %3F %23 %25.",
    ),
    "no_entry": (
        True,
        "the server's pg_hba.conf does not admit this user, database, host or encryption",
        "Add an entry there and reload the server, or try another user or sslmode in DATABASE_URL.",
    ),
    "permission": (
        True,
        "the user may not connect to this database",
        "As its owner: GRANT CONNECT ON DATABASE <name> TO <user>;",
    ),
    "missing_database": (
        False,
        "the server has no such database",
        "Create it (`inv migrate --create-database` does), or correct the name in DATABASE_URL.",
    ),
    "tls_verification": (
        True,
        "the server's TLS certificate could not be verified, or it offers no TLS",
        "Point sslrootcert to the right authority, use the host's name in the certificate, or choose another sslmode.",
    ),
    "tls": (
        False,
        "no TLS session could be agreed",
        "Compare sslmode and the TLS versions with the server's settings; its log has the server's reason.",
    ),
    "settings": (
        True,
        "the connection settings are not valid",
        "Correct DATABASE_URL or the PG* variables; in a URL write @ : / ? # % of a password as "
        "%40 %3A %2F %3F %23 %25.",
    ),
    "not_postgresql": (
        False,
        "the program that answers at that host and port is not PostgreSQL",
        "Correct the port in DATABASE_URL.",
    ),
    "standby": (
        False,
        "the server is a read-only standby",
        "Point DATABASE_URL to the primary; `--wait-only` accepts a standby.",
    ),
    "temporary_server": (
        False,
        "this is the temporary server of a container image's first start, which will stop again",
        "Wait, or connect through TCP, where it does not listen.",
    ),
    "other": (False, "the connection failed", "Read the server's log."),
}

# SQLSTATE: kind. 57P03 and 28000 are told apart further by their text.
_SQLSTATES = {
    "28P01": "password",
    "28000": "password",
    "3D000": "missing_database",
    "53300": "too_many_connections",
    "57P01": "stopping",
    "57P02": "stopping",
    "57P03": "starting",
    "42501": "permission",
    "25006": "standby",
}

# What the text holds, in lower case, and the kind; the first that fits wins. It is English: a server may
# translate, and then the SQLSTATE decides; libpq does not, as Python leaves LC_MESSAGES alone at its start.
_PHRASES = (
    ("invalid settings", "settings"),
    ("invalid connection settings", "settings"),
    ("invalid uri", "settings"),
    ("in uri", "settings"),
    ("percent-encoded", "settings"),
    ("connection info string", "settings"),
    ("connection option", "settings"),
    ("connection_option", "settings"),
    ("invalid port number", "settings"),
    ("invalid integer value", "settings"),
    (' value: "', "settings"),
    ("sslmode value", "settings"),
    ("service file", "settings"),
    ("definition of service", "settings"),
    ("could not match ", "settings"),
    ("is too long (maximum", "settings"),
    ("no libpq was found", "settings"),
    ("weak sslmode", "settings"),
    ("certificate verify failed", "tls_verification"),
    ("does not match host name", "tls_verification"),
    ("root certificate", "tls_verification"),
    ("certificate file", "tls_verification"),
    ("private key file", "tls_verification"),
    ("server does not support ssl", "tls_verification"),
    ("certificate authority", "tls_verification"),
    ("could not translate host name", "dns"),
    ("could not parse network address", "dns"),
    ("no pg_hba.conf entry", "no_entry"),
    ("pg_hba.conf rejects", "no_entry"),
    ("no password supplied", "password"),
    ("password authentication failed", "password"),
    ("authentication failed", "password"),
    ("permission denied for database", "permission"),
    ("no such database", "missing_database"),
    ("too many connections for role", "role_connections"),
    ("too many connections for database", "database_connections"),
    ("too many connections", "too_many_connections"),
    ("too many clients", "too_many_connections"),
    ("connection slots are reserved", "too_many_connections"),
    ("no more connections allowed", "pooler_connections"),
    ("query_wait_timeout", "pooler_connections"),
    ("max clients reached", "pooler_connections"),
    ("max client connections reached", "pooler_connections"),
    ("is shutting down", "stopping"),
    ("due to administrator command", "stopping"),
    ("crash of another server process", "stopping"),
    ("in recovery mode", "stopping"),
    ("is starting up", "starting"),
    ("not yet accepting connections", "starting"),
    ("session is read-only", "standby"),
    ("server is in hot standby mode", "standby"),
    ("received invalid response to", "not_postgresql"),
    ("expected authentication request", "not_postgresql"),
    ("no session within", "no_session"),
    ("no answer within", "timeout"),
    ("timeout expired", "timeout"),
    ("timed out", "timeout"),
    ("no route to host", "unreachable"),
    ("network is unreachable", "unreachable"),
    ("host is unreachable", "unreachable"),
    ("host is down", "unreachable"),
    ("network is down", "unreachable"),
    ("connection refused", "refused"),
    ("no such file or directory", "refused"),
    ("is the server running", "refused"),
    ("closed the connection unexpectedly", "closed"),
    ("connection reset by peer", "closed"),
    ("broken pipe", "closed"),
    ("unexpected eof", "closed"),
    ("ssl error", "tls"),
    ("ssl syscall error", "tls"),
    ("ssl negotiation", "tls"),
    ("ssl connection", "tls"),
    ("tls", "tls"),
)


def of(kind: str) -> Reason:
    """Return the reason of that kind, for what shows only after the login: standby, temporary_server.

    >>> of("standby").hopeless
    False
    """
    return Reason(kind, *_KINDS[kind])


def classify(sqlstate: str | None, message: str) -> Reason:
    """Tell why a connection failed, from the server's SQLSTATE, or from libpq's text where it has none.

    >>> classify("28P01", "Passwort-Authentifizierung fehlgeschlagen").kind
    'password'
    >>> classify(None, "connection to server failed: Connection refused").kind
    'refused'
    """
    found = _SQLSTATES.get(sqlstate) if sqlstate else None
    if found in (None, "starting", "too_many_connections") or sqlstate == "28000":
        # Of several hosts the last one counts: libpq has tried all before it.
        last = message.strip().rpartition("\nconnection to ")[2].lower()
        kind_by_text = next((kind for phrase, kind in _PHRASES if phrase in last), None)
        if found is None:
            found = kind_by_text or "other"
        elif kind_by_text in ("stopping", "standby", "no_entry", "role_connections", "database_connections"):
            found = kind_by_text
    reason = of(found)
    if found == "other":
        reason.text = message.strip().partition("\n")[0] or reason.text
    return reason


def after_login(sqlstate: str | None, message: str) -> Reason:
    """Tell why the first question of a session had no answer: the host did answer the login.

    >>> after_login("57014", "no answer within 30 s: the statement was cancelled").kind
    'no_session'
    """
    reason = classify(sqlstate, message)
    return of("no_session") if reason.kind == "timeout" else reason


def read_verbose(text: str) -> tuple[str | None, str]:
    """Return the SQLSTATE and the plain text of what libpq says, in its verbose form, of a failed connection.

    One line for each host tried, and with a server's a line that ends in its source file's name.

    >>> read_verbose('connection to server at "h", port 1 failed: FATAL:  28P01: no\\nLOCATION:  f, auth.c:9\\n')
    ('28P01', 'connection to server at "h", port 1 failed: FATAL:  no')
    """
    sqlstate = None
    lines: list[str] = []
    for line in text.strip().split("\n"):
        head, mark, tail = line.partition(":  ")
        code = tail[:5] if tail[5:7] == ": " and tail[:5].isalnum() else ""
        if code and (not sqlstate or head.startswith("connection to ")):
            sqlstate = code
            lines.append(f"{head}{mark}{tail[7:]}")
        elif not (sqlstate and mark and tail.rpartition(":")[0].endswith(".c")):
            lines.append(line)
    return sqlstate, "\n".join(lines)
