"""Where the benchmarks run: one throw-away server, fresh databases, and the files of each tool, made once."""

import itertools
import shutil
import sys
import sysconfig
from pathlib import Path

import measure
import psycopg
import workload

from schemata.postgres import urls
from schemata.server.embedded import binaries, server_state

SCRIPTS = Path(sysconfig.get_path("scripts"))


class Position:
    """A server with a template of four empty schemas, and a folder for files."""

    def __init__(self, server: server_state.Server, found: binaries.Binaries, folder: Path) -> None:
        self.server = server
        self.found = found
        self.folder = folder
        self._numbers = itertools.count()
        self._admin = psycopg.connect(urls.with_database(server.url, "postgres"), autocommit=True)
        self._admin.execute("CREATE DATABASE bench_template")
        with psycopg.connect(self.url("bench_template"), autocommit=True) as connection:
            for schema in workload.SCHEMAS:
                connection.execute(f"CREATE SCHEMA {schema}")

    def url(self, database: str) -> str:
        """Return the URL of a database: TCP, with a password."""
        return urls.with_database(self.server.url, database)

    def database(self) -> str:
        """Make a fresh database of four empty schemas; return its URL."""
        name = f"bench_{next(self._numbers)}"
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE bench_template")
        return self.url(name)

    def empty_database(self) -> str:
        """Make a fresh database with nothing in it; return its URL."""
        name = f"bench_{next(self._numbers)}"
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database."""
        self._admin.execute(f"DROP DATABASE {urls.database_of(url)} WITH (FORCE)")

    def tables(self, url: str) -> int:
        """Return how many tables the four schemas hold: the proof that a deploy did its work."""
        with psycopg.connect(url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind = 'r' AND n.nspname = ANY(%s)",
                [list(workload.SCHEMAS)],
            ).fetchone()
        assert row is not None
        return int(row[0])

    def rows(self, url: str, table: str) -> int:
        """Return how many rows a table holds."""
        with psycopg.connect(url) as connection:
            row = connection.execute(
                psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(*table.split(".")))
            ).fetchone()
        assert row is not None
        return int(row[0])

    def sources(self, tool: str, count: int) -> Path:
        """Return the tool's files for so many migrations, made at the first call."""
        path = self.folder / f"{tool}-{count}"
        if not path.exists():
            if tool in ("ours", "sealed"):
                workload.project(path, count)
            if tool == "sealed":
                ours(path, "seal", url="").run()
            if tool == "dbmate":
                workload.for_dbmate(path, count)
            if tool == "alembic":
                workload.for_alembic(path, count)
            if tool == "psql":
                workload.for_psql(path, count)
        return path


def ours(project: Path, *words: str, url: str) -> measure.Command:
    """Return one of our commands, `inv …`, in a project."""
    return measure.Command((sys.executable, "-m", "invoke", *words), _ours(url), project)


def console(project: Path, *words: str, url: str) -> measure.Command:
    """Return one of our commands, `schemata …`, which does without Invoke."""
    return measure.Command((script("schemata"), *words), _ours(url), project)


def boot(project: Path, url: str) -> measure.Command:
    """Return our boot, as a container runs it."""
    return measure.Command((sys.executable, "-m", "schemata.boot"), _ours(url), project)


def _ours(url: str) -> dict[str, str]:
    return {"PYTHONPATH": str(measure.REPOSITORY), **({"DATABASE_URL": url} if url else {})}


def psql(place: Position, url: str, *words: str) -> measure.Command:
    """Return psql with our options and these."""
    return measure.Command((str(place.found.program("psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1", *words, url))


def installed(tool: str) -> bool:
    """Tell whether a peer is there; those that are not are left out and named."""
    return (SCRIPTS / tool).exists() or shutil.which(tool) is not None


def script(tool: str) -> str:
    """Return the path of a peer's program."""
    own = SCRIPTS / tool
    return str(own) if own.exists() else str(shutil.which(tool))


def yoyo(project: Path, url: str, verb: str = "apply", schema: str = "") -> measure.Command:
    """Return plain yoyo on the same files; `schema` says where its tables are, if not in public."""
    target = url.replace("postgresql://", "postgresql+psycopg://", 1) + (f"?schema={schema}" if schema else "")
    folders = [str(project / "migrations" / name) for name in workload.SCHEMAS]
    return measure.Command((script("yoyo"), verb, "--batch", "--no-config-file", "--database", target, *folders))


def alembic(folder: Path, url: str, *words: str) -> measure.Command:
    """Return alembic through SQLAlchemy and psycopg 3."""
    target = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return measure.Command((script("alembic"), *words), {"BENCH_URL": target}, folder)


def dbmate(folder: Path, url: str, *words: str) -> measure.Command:
    """Return dbmate with its lock, which is off by default."""
    options = ("--migrations-dir", str(folder), "--no-dump-schema", "--migration-lock")
    return measure.Command((script("dbmate"), "--url", f"{url}?sslmode=disable", *options, *words), {}, folder)
