"""reasons and urls: what a failed login means, and what of the settings may be shown."""

import doctest
import urllib.parse

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemata.postgres import failures, urls

AT = 'connection to server at "db" (10.0.0.9), port 5432 failed: '


@pytest.mark.parametrize("module", [failures, urls])
def test_examples(module):
    """The examples in the docstrings hold."""
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("sqlstate", "message", "kind", "hopeless"),
    [
        (None, AT + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
         "refused", False),
        (None, 'connection to server on socket "/run/.s" failed: No such file or directory', "refused", False),
        (None, 'could not translate host name "db" to address: Name or service not known', "dns", False),
        (None, AT + "no answer within 2 s", "timeout", False),
        (None, AT + "Connection timed out", "timeout", False),
        (None, AT + "No route to host", "unreachable", False),
        (None, AT + "server closed the connection unexpectedly\n\tThis probably means …", "closed", False),
        (None, AT + "server does not support SSL, but SSL was required", "tls_verification", True),
        (None, AT + "SSL error: certificate verify failed", "tls_verification", True),
        (None, AT + 'server certificate for "a" (and 1 more) does not match host name "b"', "tls_verification", True),
        (None, 'root certificate file "/x.crt" does not exist', "tls_verification", True),
        (None, AT + "SSL error: tlsv1 alert protocol version", "tls", False),
        (None, AT + "fe_sendauth: no password supplied", "password", True),
        (None, AT + "received invalid response to SSL negotiation: H", "not_postgresql", False),
        (None, AT + "session is read-only", "standby", False),
        (None, 'invalid sslmode value: "x"', "settings", True),
        (None, 'invalid URI query parameter: "schema"', "settings", True),
        (None, 'missing "=" after "***" in connection info string', "settings", True),
        (None, "etwas ganz anderes", "other", False),
        ("28P01", AT + "SCHWERWIEGEND:  Passwort-Authentifizierung fehlgeschlagen", "password", True),
        ("28000", AT + 'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "u"', "no_entry", True),
        ("28000", AT + 'FATAL:  role "u" does not exist', "password", True),
        ("3D000", AT + 'FATAL:  database "d" does not exist', "missing_database", False),
        ("42501", AT + 'FATAL:  permission denied for database "d"', "permission", True),
        ("53300", AT + "FATAL:  sorry, too many clients already", "too_many_connections", False),
        ("53300", AT + "FATAL:  remaining connection slots are reserved for …", "too_many_connections", False),
        ("53300", AT + "FATAL:  zu viele Verbindungen für Rolle »r«", "too_many_connections", False),
        ("53300", AT + 'FATAL:  too many connections for role "r"', "role_connections", False),
        ("53300", AT + 'FATAL:  too many connections for database "d"', "database_connections", False),
        ("08P01", AT + "FATAL:  no more connections allowed (max_client_conn)", "pooler_connections", False),
        ("08P01", AT + "FATAL:  query_wait_timeout", "pooler_connections", False),
        (None, AT + "no session within 10 s", "no_session", False),
        ("57P01", AT + "FATAL:  terminating connection due to administrator command", "stopping", False),
        ("57P03", AT + "FATAL:  the database system is starting up", "starting", False),
        ("57P03", AT + "FATAL:  le système de bases de données démarre", "starting", False),
        ("57P03", AT + "FATAL:  the database system is shutting down", "stopping", False),
        ("57P03", AT + "FATAL:  the database system is in recovery mode", "stopping", False),
        ("57P03", AT + "FATAL:  the database system is not accepting connections\nDETAIL:  Hot standby …",
         "starting", False),
        ("08P01", AT + "FATAL:  no such database: d", "missing_database", False),
        ("XX000", AT + "FATAL:  Tenant or user not found", "other", False),
        (None, AT + f"Connection refused\n{AT}FATAL:  the database system is starting up", "starting", False),
    ],
)  # fmt: skip
def test_classify(sqlstate, message, kind, hopeless):
    """Each failure is told apart, and only what waiting cannot fix is hopeless."""
    reason = failures.classify(sqlstate, message)
    assert (reason.kind, reason.hopeless) == (kind, hopeless)
    assert reason.missing_database == (kind == "missing_database")
    assert reason.text
    assert "\n" not in reason.text
    assert reason.hint.endswith((".", ";"))


@given(st.none() | st.text(max_size=5), st.text())
def test_classify_never_raises(sqlstate, message):
    """Any text is classified, and what is unknown is never hopeless by accident of being unknown."""
    assert failures.classify(sqlstate, message).text


def test_verbose_two_hosts():
    """Of several hosts the last SQLSTATE counts, and the servers' source lines go."""
    text = (
        'connection to server at "a", port 1 failed: FATAL:  57P03: the database system is starting up\n'
        "LOCATION:  ProcessStartupPacket, postmaster.c:2400\n"
        'connection to server at "b", port 2 failed: FATAL:  28P01: no "x:  42P01: y"\n'
        "ORT:  auth_failed, auth.c:331\n"
    )
    sqlstate, message = failures.read_verbose(text)
    assert sqlstate == "28P01"
    assert message.splitlines() == [
        'connection to server at "a", port 1 failed: FATAL:  the database system is starting up',
        'connection to server at "b", port 2 failed: FATAL:  no "x:  42P01: y"',
    ]


def test_verbose_without_server():
    """What libpq itself says is left as it is."""
    text = AT + "Connection refused\n\tIs the server running on that host?\n"
    assert failures.read_verbose(text) == (None, text.strip())


@pytest.mark.parametrize(
    ("given_url", "expected", "dropped"),
    [
        ("postgresql://u:p@h:1/d", "postgresql://u:p@h:1/d", []),
        ("postgres://u:p@h/d", "postgresql://u:p@h/d", []),
        ("postgresql+psycopg://u:p@h/d?sslmode=require", "postgresql://u:p@h/d?sslmode=require", []),
        ("postgresql://h/d?schema=public", "postgresql://h/d", ["schema"]),
        ("postgresql://u:p?schema=x@h/d?sslmode=disable&pgbouncer=true&connection_limit=1",
         "postgresql://u:p?schema=x@h/d?sslmode=disable", ["pgbouncer", "connection_limit"]),
        ("postgresql:///d?host=/run&statement_cache_size=0&pool_timeout=1&socket_timeout=1&sslaccept=strict",
         "postgresql:///d?host=/run", ["statement_cache_size", "pool_timeout", "socket_timeout", "sslaccept"]),
        ("host=h password='a b' dbname=d", "host=h password='a b' dbname=d", []),
        ("plain", "plain", []),
        ("mysql://u:p@h/d?schema=x", "mysql://u:p@h/d?schema=x", []),
        ("", "", []),
    ],
)  # fmt: skip
def test_normalise(given_url, expected, dropped):
    """Other tools' URLs become libpq's, and each parameter left out is named."""
    url, notes = urls.normalise(given_url)
    assert url == expected
    assert [note.partition("=")[0] for note in notes] == dropped


@given(
    st.text()
    | st.text().map("postgresql://".__add__)
    | st.text(alphabet="postgres:/@?&=%' x").map("postgres://".__add__)
)
def test_never_raise(text):
    """Whatever is given as a URL, nothing raises, and to normalise twice changes nothing more."""
    url, _ = urls.normalise(text)
    assert text != "".join(text.split()) or urls.normalise(url)[0] == url
    urls.redact(text)
    urls.conceal(f'invalid URI: "{text}"', text)


# What occurs nowhere else in the settings of these tests, so that its absence can be asserted.
secrets = st.text(min_size=3, max_size=12).filter(lambda text: "\0" not in text).map(lambda text: f"Q7{text}7Q")


@given(secrets)
def test_redact_encoded(secret):
    """A password that is escaped as it must be never shows, and the rest of the settings does."""
    quoted = urllib.parse.quote(secret, safe="")
    for url in (
        f"postgresql://u:{quoted}@h:5432/d?sslmode=require",
        f"postgresql://u@h:5432/d?password={quoted}&sslmode=require",
        f"postgresql://h:5432/d?user=u&p%61ssword={quoted}&sslmode=require",
        f"postgresql://u:{quoted}@h:5432/d?password={quoted}&sslpassword={quoted}&sslmode=require",
    ):
        shown = urls.redact(url)
        assert "Q7" not in shown
        assert "7Q" not in shown
        assert "h:5432/d" in shown
        assert "sslmode=require" in shown
    escaped = secret.replace("\\", "\\\\").replace("'", "\\'")
    for conninfo in (
        f"host=h password='{escaped}' dbname=d",
        f"host = h\tpassword = '{escaped}' dbname=d",
        f"password='{escaped}' sslpassword='{escaped}' host=h dbname=d",
    ):
        shown = urls.redact(conninfo)
        assert "Q7" not in shown
        assert "7Q" not in shown
        assert shown.endswith("dbname=d")


@given(secrets)
def test_redact_raw(secret):
    """A password that was not escaped does not show either, in a URL."""
    for url in (
        f"postgresql://u:{secret}@h:5432/d",
        f"u:{secret}@h/d",
        f"mysql://u:{secret}@h/d?x=y",
        f"u:{secret}://{secret}@h/d",
        "host=h password=" + "://".join(secret.replace(" ", "").split()).replace("\\", ""),
    ):
        shown = urls.redact(url)
        assert "Q7" not in shown
        assert "7Q" not in shown


@given(st.text(alphabet="ab=' \\&", min_size=1, max_size=9))
def test_redact_broken_pairs(secret):
    """What follows a password that was not quoted is hidden as far as libpq would not read it."""
    assume(" " in secret and "=" not in secret)
    shown = urls.redact(f"host=h password=Q7{secret}7Q")
    assert "Q7" not in shown
    assert "7Q" not in shown


@pytest.mark.parametrize(
    ("text", "url", "expected"),
    [
        ('invalid integer value "pa" for connection option "port"', "postgresql://u:pa/ss@h/d",
         'invalid integer value "***" for connection option "port"'),
        ('could not translate host name "ss@h" to address: no', "postgresql://u:pa@ss@h/d",
         'invalid URI: more than one "@" before the host: could not translate host name "***" to address: no'),
        ('missing "=" after "cret" in connection info string', "host=h password=se cret",
         'missing "=" after "***" in connection info string'),
        ('invalid URI query parameter: "shcema"', "postgresql://u:pa@h/d?shcema=x",
         'invalid URI query parameter: "shcema"'),
        ('unexpected character "x" in position 3 in URI (expected ":" or "/"): "postgresql://u:pa@[::1]x/d"',
         "postgresql://u:pa@[::1]x/d",
         'unexpected character "x" in position 3 in URI (expected ":" or "/"): "***"'),
        ('invalid percent-encoded token: "a%"b"', 'postgresql://u:a%"b@h/d', 'invalid percent-encoded token: "***"'),
        ('connection to server at "db", port 5432 failed: x', "postgresql://u:db@db/d",
         'connection to server at "db", port 5432 failed: x'),
    ],
)  # fmt: skip
def test_conceal(text, url, expected):
    """libpq's complaints keep their sense and lose what they quote of a password."""
    assert urls.conceal(text, url) == expected
