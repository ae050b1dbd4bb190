"""Backups as people take them: in one snapshot, verified, listed, restored; what is damaged is refused."""

import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from schemata.postgres import urls
from tests.acceptance.backups.conftest import DEFAULT, ONE, folder, manifest_of, names, rows
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project, confirm


@pytest.fixture
def new_name(admin: psycopg.Connection) -> Iterator[str]:
    """Give a name for a database, which is dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _writes(url: str, stop: threading.Event, done: list[int]) -> None:
    with psycopg.connect(url) as connection:
        while not stop.is_set():
            number = 10_000 + len(done)
            connection.execute("INSERT INTO app.users VALUES (%s, 'late', NULL, NULL)", [number])
            connection.execute("INSERT INTO app.orders (user_id, total) VALUES (%s, 1)", [number])
            connection.execute("UPDATE app.users SET name = %s WHERE id = 1", [f"writer {number}"])
            connection.commit()
            done.append(number)


def test_a_backup_under_live_writes_is_one_moment(shop: Project, schemata: CommandLine, new_name: str) -> None:
    """While another connection writes pairs of rows, the restored database has each pair whole, and the same count."""
    stop, done = threading.Event(), list[int]()
    writer = threading.Thread(target=_writes, args=(shop.url, stop, done))
    writer.start()
    try:
        document = schemata.json("backup", "--verify", "restore")["backup"]
        seen = len(done)
    finally:
        stop.set()
        writer.join()
    assert seen > 0, "nothing was written meanwhile"
    assert document["verification"]["level"] == "restore"
    assert document["verification"]["ok"] is True
    assert schemata("restore", document["name"], "--into", new_name).returncode == 0
    restored = urls.with_database(shop.url, new_name)
    late = [row[0] for row in rows(restored, "app.users") if row[1] == "late"]
    assert late == [row[1] for row in rows(restored, "app.orders") if row[3] == 1 and row[1] >= 10_000]
    assert document["fingerprints"]["app.users"]["rows"] == 500 + len(late)
    if late:
        assert rows(restored, "app.users")[0][1] == f"writer {late[-1]}"
    assert len(late) < len([row for row in rows(shop.url, "app.users") if row[1] == "late"])


def test_a_backup_is_what_pg_dump_says(
    shop: Project, schemata: CommandLine, new_name: str, dump: Callable[[str], str]
) -> None:
    """Restored into a new database it is, structure and rows, what pg_dump tells of the first one."""
    assert schemata("backup").returncode == 0
    assert schemata("restore", "latest", "--into", new_name).returncode == 0
    restored = urls.with_database(shop.url, new_name)
    assert dump(restored) == dump(shop.url)
    status = schemata.json("migrate-status", "--url", restored)
    assert (status["ok"], status["revision"]) == (True, ONE)


def test_the_manifest_says_what_there_is(shop: Project, schemata: CommandLine) -> None:
    """Size, sum, versions, migration and verification are those of the file and the server."""
    (name,) = [schemata.json("backup")["backup"]["name"]]
    assert names(shop) == [name]
    document = manifest_of(shop, name)
    archive = (folder(shop) / name / "archive").read_bytes()
    assert document["sha256"] == hashlib.sha256(archive).hexdigest()
    assert document["size"] == len(archive)
    assert archive.startswith(b"PGDMP")
    assert document["head"] == ONE
    assert document["schemas"] == ["app", "schemata"]
    assert document["fingerprints"]["app.users"]["rows"] == 500
    assert document["verification"]["level"] == "restore"
    with psycopg.connect(shop.url) as connection:
        (version, digest) = connection.execute(
            "SELECT current_setting('server_version'), digest FROM schemata.head"
        ).fetchone() or ("", "")
        total = connection.execute(
            "SELECT sum(hashtextextended(ROW(born, id, name, tags)::text, 0))::text FROM app.users"
        ).fetchone()
    assert (document["server_version"], document["digest"]) == (version.partition(" ")[0], digest)
    assert document["fingerprints"]["app.users"]["hashes"] == (total or ("",))[0]
    password = urls.without_password(shop.url)[1]
    assert password not in json.dumps(document)
    listed = schemata("backups")
    assert re.search(rf"{name[:20]}\S+ +\d+ s +[\d.]+ KiB +restored +{ONE}", listed.stdout), listed.stdout


@pytest.mark.parametrize(("level", "word"), [("read", "read"), ("none", "no"), ("restore", "restored")])
def test_how_far_it_is_verified_is_listed(shop: Project, schemata: CommandLine, level: str, word: str) -> None:
    """By the flag; `backup-verify` goes further later, and another level is refused."""
    assert schemata("backup", "--verify", level).returncode == 0
    (row,) = schemata.json("backups")["rows"]
    assert row["verified"] == word
    assert schemata("backup-verify", "latest").returncode == 0
    (row,) = schemata.json("backups")["rows"]
    assert row["verified"] == "restored"
    schemata.refused("backup", "--verify", "all", code=2, says=("--verify all is not one of read, restore, none",))


def test_a_large_one_is_dumped_by_several(shop: Project, schemata: CommandLine, new_name: str) -> None:
    """Above the setting pg_dump writes a directory; it is verified, restored and refused like a file."""
    shop.configure(DEFAULT + 'parallel_above = "1kB"\n')
    document = schemata.json("backup")["backup"]
    assert (document["format"], document["verification"]["level"]) == ("directory", "restore")
    assert schemata("restore", "latest", "--into", new_name).returncode == 0
    assert len(rows(urls.with_database(shop.url, new_name), "app.users")) == 500
    part = max((folder(shop) / document["name"] / "archive").iterdir(), key=lambda path: path.stat().st_size)
    part.write_bytes(part.read_bytes()[:-1])
    schemata.refused("restore", "latest", "--into", f"{new_name}_2", code=1, says=("bytes, and", "Nothing was touched"))


def _flip(data: bytes) -> bytes:
    middle = len(data) * 6 // 10
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut to nine tenths": (lambda data: data[: len(data) * 9 // 10], "bytes, and"),
    "cut by a byte": (lambda data: data[:-1], "bytes, and"),
    "a bit flipped": (_flip, "the SHA-256 differs"),
    "a piece zeroed": (lambda data: data[:6000] + bytes(500) + data[6500:], "the SHA-256 differs"),
    "of the table of contents": (
        lambda data: data[:200] + bytes([data[200] ^ 255]) + data[201:],
        "the SHA-256 differs",
    ),
    "empty": (lambda data: b"", "has 0 bytes"),
    "of another version": (lambda data: data[:5] + bytes([1, 99]) + data[7:], "the SHA-256 differs"),
}


def test_a_damaged_archive_is_refused_before_anything_is_touched(
    shop: Project, schemata: CommandLine, make_database: Callable[..., str], dump: Callable[[str], str]
) -> None:
    """By restore, which leaves the empty database as it is; `backup-verify` takes its name from it."""
    name = schemata.json("backup", "--verify", "none")["backup"]["name"]
    here, bad = folder(shop) / name, folder(shop) / f"{name}.bad"
    whole, known = (here / "archive").read_bytes(), (here / "manifest.json").read_text()
    empty = make_database()
    before = dump(empty)
    for damage, (change, says) in DAMAGES.items():
        (here / "archive").write_bytes(change(whole))
        schemata.refused("restore", "latest", "--url", empty, confirm(empty), code=1, says=("BackupInvalid", says))
        schemata.refused("restore", "latest", "--into", "test_never", code=1, says=(says, "Nothing was touched"))
        schemata.refused("backup-verify", "latest", code=1, says=(f"the backup {name} is damaged", says))
        assert names(shop) == [bad.name], damage
        if damage != list(DAMAGES)[-1]:
            bad.rename(here)
            (here / "manifest.json").write_text(known)
    assert dump(empty) == before
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT 1 FROM pg_database WHERE datname = 'test_never'").fetchone() is None
    (row,) = schemata.json("backups")["rows"]
    assert row["verified"] == "FAILED"
    schemata.refused("restore", "latest", "--into", "test_never", code=1, says=("there is no backup latest",))
    schemata.refused("restore", name, "--into", "test_never", code=1, says=("was found damaged",))


def test_an_archive_that_no_sum_tells_is_read_first(
    shop: Project, schemata: CommandLine, make_database: Callable[..., str]
) -> None:
    """Of a newer pg_dump, or cut before it was summed: what pg_restore cannot read is refused with its words."""
    name = schemata.json("backup", "--verify", "none")["backup"]["name"]
    archive = folder(shop) / name / "archive"
    whole = archive.read_bytes()
    empty = make_database()
    for data, says in (
        (whole[:5] + bytes([1, 99]) + whole[7:], "unsupported version"),
        (whole[:-900], "could not read"),
    ):
        archive.write_bytes(data)
        document = {**manifest_of(shop, name), "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        (archive.parent / "manifest.json").write_text(json.dumps(document))
        schemata.refused("restore", name, "--url", empty, confirm(empty), code=1, says=("cannot be read", says))
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT to_regnamespace('app')").fetchone() == (None,)


def test_it_goes_into_an_empty_database_only(
    shop: Project, schemata: CommandLine, make_database: Callable[..., str], dump: Callable[[str], str]
) -> None:
    """One that holds a table is named and stays as it is; an empty one is filled, once its name is given."""
    assert schemata("backup").returncode == 0
    before = dump(shop.url)
    schemata.refused("restore", "latest", shop.confirm, code=1, says=("NotEmpty", "app.events", "--into"))
    schemata.refused("restore", "latest", "--into", urls.database_of(shop.url), code=1, says=("NotEmpty",))
    assert dump(shop.url) == before
    empty = make_database()
    schemata.refused("restore", "latest", "--yes", "--url", empty, code=1, says=("no terminal", "--confirm"))
    assert schemata("restore", "latest", "--url", empty, confirm(empty)).returncode == 0
    assert dump(empty) == before


def test_an_older_server_is_refused(shop: Project, schemata: CommandLine) -> None:
    """A backup of a newer major version may hold what this server does not understand."""
    name = schemata.json("backup", "--verify", "none")["backup"]["name"]
    path = folder(shop) / name / "manifest.json"
    path.write_text(json.dumps({**manifest_of(shop, name), "server_version": "99.1"}))
    schemata.refused("restore", name, "--into", "test_never", code=1, says=("is of PostgreSQL 99.1", "or newer"))


def test_missing_roles_are_listed(
    shop: Project, schemata: CommandLine, admin: psycopg.Connection, new_name: str
) -> None:
    """Each is named with its CREATE ROLE before anything is touched; --no-owner does without them."""
    role = f"role {uuid.uuid4().hex[:8]}"
    admin.execute(f'CREATE ROLE "{role}"')
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute(f'GRANT SELECT (name) ON app.users TO "{role}"')
    assert schemata("backup").returncode == 0
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute(f'REVOKE ALL (name) ON app.users FROM "{role}"')
    admin.execute(f'DROP ROLE "{role}"')
    schemata.refused("restore", "latest", "--into", new_name, code=1, says=("RolesMissing", f'CREATE ROLE "{role}";'))
    assert schemata("restore", "latest", "--into", new_name, "--no-owner").returncode == 0
    assert len(rows(urls.with_database(shop.url, new_name), "app.users")) == 500


def test_a_schema_alone_with_its_own_history(
    project: Project, schemata: CommandLine, new_name: str, make_database: Callable[..., str]
) -> None:
    """Restored alone it has its rows and its records; the other schema is pending there, and can be built beside it."""
    project.schemas = ("app", "shop")
    project.configure(DEFAULT)
    project.write(
        "app.20250101000001.users", "CREATE TABLE app.users (id int PRIMARY KEY);\nINSERT INTO app.users VALUES (1);\n"
    )
    project.write(
        "shop.20250101000002.orders",
        "-- Orders.\n-- depends: app.20250101000001.users\n"
        "CREATE TABLE shop.orders (id int, user_id int CONSTRAINT orders_user REFERENCES app.users);\n"
        "INSERT INTO shop.orders VALUES (7, 1);\n",
    )
    assert schemata("migrate").returncode == 0
    document = schemata.json("backup", "--schemas", "shop")["backup"]
    assert document["schemas"] == ["schemata", "shop"]
    assert document["verification"]["level"] == "restore"
    done = schemata("restore", "latest", "--into", new_name)
    assert done.returncode == 0, done.stderr
    assert "    ALTER TABLE shop.orders ADD CONSTRAINT orders_user FOREIGN KEY" in done.stdout
    restored = urls.with_database(project.url, new_name)
    assert rows(restored, "shop.orders") == [(7, 1)]
    states = {
        row["id"]: row["state"] for row in schemata.json("migrate-status", "--url", restored, code=1)["migrations"]
    }
    assert states["shop.20250101000002.orders"] == "applied"
    assert schemata("migrate", "--allow-out-of-order", "--url", restored).returncode == 0
    states = {row["id"]: row["state"] for row in schemata.json("migrate-status", "--url", restored)["migrations"]}
    assert set(states.values()) == {"applied"}
    assert rows(restored, "app.users") == [(1,)]
    schemata.refused("backup", "--schemas", "shp", code=2, says=("there is no schema shp", "Did you mean shop?"))


def test_older_ones_are_deleted(shop: Project, schemata: CommandLine) -> None:
    """After each backup the newest that the settings name stay."""
    shop.configure(DEFAULT + "keep_last = 2\nkeep_days = 0\n")
    made = [schemata.json("backup", "--verify", "read")["backup"]["name"] for _ in range(4)]
    assert [row["backup"] for row in schemata.json("backups")["rows"]] == made[:1:-1]
    assert names(shop) == sorted(made[2:])


STORE = """
mkdir -p objects
case "$1" in
    put) cp "$3" "objects/$2" ;;
    get) cp "objects/$2" "$3"; case "$2" in *.dump) [ ! -e broken ] || echo else > "$3" ;; esac ;;
    list) ls objects ;;
    delete) rm "objects/$2" ;;
esac
[ ! -e refuses ] || { echo no credentials >&2; exit 1; }
"""


def test_a_command_keeps_them_elsewhere(shop: Project, schemata: CommandLine, new_name: str) -> None:
    """It puts, gets, lists and deletes; what it gives back is compared; nothing of it stays here."""
    (shop.root / "store.sh").write_text(STORE)
    shop.configure(DEFAULT + 'store = "sh store.sh"\nkeep_last = 1\nkeep_days = 0\n')
    first = schemata.json("backup")["backup"]["name"]
    second = schemata.json("backup")["backup"]["name"]
    objects = shop.root / "objects"
    assert sorted(path.name for path in objects.iterdir()) == [f"{second}.dump", f"{second}.json"]
    assert first != second
    assert names(shop) == []
    assert [row["backup"] for row in schemata.json("backups")["rows"]] == [second]
    assert schemata("backup-verify", second).returncode == 0
    assert schemata("restore", second, "--into", new_name).returncode == 0
    assert len(rows(urls.with_database(shop.url, new_name), "app.users")) == 500
    (shop.root / "broken").touch()
    schemata.refused("restore", second, "--into", "test_never", code=1, says=("BackupInvalid", "bytes, and"))
    schemata.refused("backup", code=3, says=("the store gives back another file than it was given",))
    (shop.root / "refuses").touch()
    schemata.refused("backups", code=3, says=("StoreFailed", "list ended with 1", "no credentials"))


def test_a_role_that_does_not_see_all_rows_is_refused(
    shop: Project, schemata: CommandLine, make_role: Callable[..., str]
) -> None:
    """Where row level security hides rows, the backup would lack them: it is refused and nothing is left of it."""
    every = [f"GRANT SELECT ON ALL {what} IN SCHEMA app, schemata" for what in ("TABLES", "SEQUENCES")]
    url = make_role(shop.url, "GRANT USAGE ON SCHEMA app, schemata", *every)
    assert schemata("backup", "--url", url).returncode == 0
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE app.users ENABLE ROW LEVEL SECURITY")
    before = names(shop)
    schemata.refused("backup", "--url", url, code=1, says=("BackupFailed", "row-level security", "BYPASSRLS"))
    assert names(shop) == before


def test_nothing_to_back_up_is_told(project: Project, schemata: CommandLine) -> None:
    """A database without a table, and a name that no backup has, each with what to type."""
    schemata.refused("backup", code=1, says=("BackupFailed", "hold no table", "inv migrate-status"))
    schemata.refused("restore", "latest", code=1, says=("there is no backup latest", "inv backup"))
    assert "There is no backup yet: inv backup" in schemata("backups").stdout


def test_a_store_is_a_directory_of_its_owner(shop: Project, schemata: CommandLine, tmp_path: Path) -> None:
    """An archive holds all rows: nobody else may enter where it lies."""
    shop.configure(DEFAULT + f'directory = "{tmp_path / "kept"}"\n')
    assert schemata("backup", "--verify", "none").returncode == 0
    (made,) = (path for path in (tmp_path / "kept").iterdir() if path.is_dir())
    assert [path.stat().st_mode & 0o77 for path in (tmp_path / "kept", made)] == [0, 0]


#: What a fingerprint, an archive's table of contents or a restore could stumble over.
ODD = """
CREATE TABLE app."two ""quoted"" words" ("a b" text, "C" int, "é" numeric);
INSERT INTO app."two ""quoted"" words" VALUES ('x', 1, 'NaN'), (NULL, NULL, 'Infinity');
CREATE TABLE app.without_columns ();
INSERT INTO app.without_columns DEFAULT VALUES;
CREATE TABLE app.parent (a int, b text);
CREATE TABLE app.child (b text, c int, a int) INHERITS (app.parent);
INSERT INTO app.child VALUES (1, 'b', 3);
CREATE EXTENSION citext SCHEMA public;
CREATE TABLE app.insensitive (
    name public.citext UNIQUE, lowered text GENERATED ALWAYS AS (lower('É' || k)) STORED, k text
);
INSERT INTO app.insensitive (name, k) VALUES ('Ä', 'Ö');
CREATE TABLE app.values (
    f float8, r real, i interval, t timetz, x bytea, m money, c "char", j jsonb, p point, g tsvector
);
INSERT INTO app.values VALUES
    (0.1 + 0.2, 1e-30, '1 mon 2 days', '10:00+02', '\\x00ff', 12.5, 'a', '{"b": 1}', '(1,2)', 'a b');
CREATE TABLE app.dropped (a int, gone text, z int);
INSERT INTO app.dropped VALUES (1, 'x', 2);
ALTER TABLE app.dropped DROP COLUMN gone;
CREATE UNLOGGED TABLE app.unlogged AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW app.totals AS SELECT count(*) FROM app.parent;
CREATE SEQUENCE app.numbers START 5;
SELECT pg_catalog.nextval('app.numbers');
SELECT pg_catalog.lo_from_bytea(0, 'large');
CREATE FOREIGN DATA WRAPPER plain OPTIONS (debug 'on');
CREATE SERVER "far away" TYPE 'x' VERSION '1' FOREIGN DATA WRAPPER plain OPTIONS (host 'it''s far', "Port" '1');
CREATE FOREIGN TABLE app.far (a int OPTIONS (column_name 'b')) SERVER "far away" OPTIONS (table_name 'c');
CREATE ACCESS METHOD rows_too TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE app.other_rows (a int) USING rows_too;
"""


def test_what_is_odd_comes_back(
    project: Project, schemata: CommandLine, new_name: str, dump: Callable[[str], str]
) -> None:
    """Names with blanks and quotes, no columns, other column orders, extensions, generated columns, odd values."""
    project.configure(DEFAULT)
    project.write("app.20250101000001.odd", f"-- transactional: false\n{ODD}")
    done = schemata("migrate")
    assert done.returncode == 0, done.stderr
    document = schemata.json("backup", "--verify", "restore")["backup"]
    assert document["fingerprints"]["app.without_columns"]["rows"] == 1
    assert document["extensions"][0]["name"] == "citext"
    assert schemata("restore", "latest", "--into", new_name).returncode == 0
    assert dump(urls.with_database(project.url, new_name)) == dump(project.url)
