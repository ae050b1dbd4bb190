"""`inv adopt` of each tool's small history, in one process: files, ledger, and what the next migrate applies."""

import dataclasses
import datetime
import hashlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemata import config, errors
from schemata.adoption import adopt, preparing, recording, verification
from schemata.adoption.formats import digests
from schemata.deploy import migrate
from schemata.history import status
from schemata.migrations import files
from schemata.report import render
from schemata.scaffold import init
from tests.conftest import Project
from tests.unit import cases
from tests.unit.adoption import histories

Texts = Mapping[str, str | bytes]


def lay(root: Path, texts: Texts) -> Path:
    """Write the folder of another tool; return it."""
    for name, text in texts.items():
        path = root / "theirs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return root / "theirs"


@pytest.fixture
def repository(project: Project) -> Project:
    """Give a project of the schema public, without a migration."""
    project.schemas = ("public",)
    project.configure()
    return project


pytestmark = pytest.mark.usefixtures("shared_scratch")


@cases.named(("tool", "texts"), [(tool, tool, texts) for tool, texts in histories.ALL.items()])
def test_files_become_migrations_that_run(tool: str, texts: Texts, repository: Project) -> None:
    """Each tool's folder: all of it is written with the lock file, once; it runs on an empty database."""
    theirs = lay(repository.root, texts)
    settings = config.load(repository.root, {})
    plan = adopt.adopt(settings, tool, str(theirs), plan=True)
    assert files.read(settings.migrations, settings.schemas) == ()
    found = adopt.adopt(settings, tool, str(theirs))
    assert found.as_dict()["migrations"] == plan.as_dict()["migrations"]
    items = files.read(settings.migrations, settings.schemas)
    assert [item.id for item in items] == [one.id for one in found.prepared.converted.migrations]
    assert all(item.directives.imported_from.startswith(f"{tool} ") for item in items)
    assert (settings.migrations / files.MANIFEST).is_file()
    again = adopt.adopt(settings, tool, str(theirs))
    assert (found.written > 0, again.written) == (True, 0)
    assert len(migrate.migrate(settings, url=repository.url).done) == len(items)


LEDGER = """
    CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
        finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
        started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
"""
A, B, C = "20240101000000_a", "20240102000000_b", "20240103000000_c"
SQL = {A: "CREATE TABLE a (i int);\n", B: "CREATE TABLE b (i int);\n", C: "CREATE TABLE c (i int);\n"}
PRISMA = {f"{name}/migration.sql": sql for name, sql in SQL.items()}
IDS = {name: f"public.{name.replace('_', '.')}" for name in SQL}
AT = "2024-02-01 10:00:00+00"


def row(name: str, how: str = "applied", text: str = "") -> str:
    """Return the SQL of a row of Prisma's ledger."""
    finished, rolled_back, logs, steps = {
        "applied": (f"'{AT}'", "NULL", "NULL", 1),
        "marked": (f"'{AT}'", "NULL", "''", 0),
        "failed": ("NULL", "NULL", "'ERROR: no'", 0),
        "unfinished": ("NULL", "NULL", "NULL", 0),
        "rolled back": ("NULL", f"'{AT}'", "'ERROR: no'", 0),
    }[how]
    checksum = hashlib.sha256((text or SQL.get(name, "")).encode()).hexdigest()
    return (
        f"INSERT INTO _prisma_migrations SELECT gen_random_uuid(), '{checksum}', {finished}, '{name}', {logs}, "
        f"{rolled_back}, '{AT}'::timestamptz + count(*) * interval '1 second', {steps} FROM _prisma_migrations;"
    )


@dataclasses.dataclass(frozen=True)
class Situation:
    """What a ledger says, what the database has, and what follows: words of the refusal, and the answer to it."""

    rows: str
    there: tuple[str, ...]
    applied: tuple[str, ...]
    refusal: str = ""
    answer: Mapping[str, Any] = dataclasses.field(default_factory=dict)


SITUATIONS = {
    "all applied": Situation(row(A) + row(B) + row(C), (A, B, C), (A, B, C)),
    "marked": Situation(row(A) + row(B, "marked") + row(C), (A, B, C), (A, B, C)),
    "failed": Situation(row(A) + row(B, "failed"), (A, B), (A, B), f"{B}: failed", {"resolve": [f"{B}=applied"]}),
    "unfinished": Situation(
        row(A) + row(B, "unfinished"), (A,), (A,), f"{B}: unfinished", {"resolve": [f"{B}=rolled-back"]}
    ),
    "rolled back": Situation(row(A) + row(B, "rolled back"), (A,), (A,)),
    "rolled back, applied again": Situation(row(A) + row(B, "rolled back") + row(B), (A, B), (A, B)),
    "edited": Situation(
        row(A) + row(B, text="SELECT 1;"), (A, B), (A, B), f"{B}: edited: the file has", {"accept_edited": [B]}
    ),
    "of another system": Situation(row(A) + row(B, text=SQL[B].replace("\n", "\r\n")), (A, B), (A, B)),
    "file gone": Situation(
        row(A) + row("20240101120000_x", text="x"), (A,), (A,), "has no such migration",
        {"accept_gone": ["20240101120000_x"]},
    ),
    "not recorded": Situation(row(A), (A,), (A,)),
    "not recorded, in the middle": Situation(row(A) + row(C), (A, C), (A, C)),
    "empty ledger": Situation("", (A, B), (A, B), "records nothing, but the database holds objects", {"through": B}),
}  # fmt: skip


def ledger_of(connection: psycopg.Connection) -> list[Any]:
    """Return all that the ledger holds."""
    return connection.execute("SELECT p.*, xmin, ctid FROM _prisma_migrations p ORDER BY started_at").fetchall()


@pytest.mark.once  # test_ledgers reads it on each server
@pytest.mark.parametrize("drifted", [False, True], ids=["matching", "drifted"])
@pytest.mark.parametrize("name", SITUATIONS)
def test_a_ledger_of_prisma(name: str, drifted: bool, repository: Project) -> None:
    """What ran is recorded with its time, or a person is asked; then exactly the rest is applied."""
    situation, url = SITUATIONS[name], repository.url
    theirs = str(lay(repository.root, PRISMA))
    settings = config.load(repository.root, {})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(LEDGER + situation.rows + "".join(SQL[one] for one in situation.there))
        if drifted:
            connection.execute("ALTER TABLE a ADD j int")
        before = ledger_of(connection)
        answer: dict[str, Any] = {}
        if situation.refusal:
            with pytest.raises(errors.MigrationError, match=re.escape(situation.refusal)) as asked:
                adopt.adopt(settings, "prisma", theirs, url=url)
            assert asked.value.exit_code == 1
            assert all(f"--{flag.replace('_', '-')}" in str(asked.value) for flag in situation.answer)
            plan = adopt.adopt(settings, "prisma", theirs, url=url, plan=True)
            assert plan.exit_code == 1
            shown = render.render(plan, render.Paint(io.StringIO(), {}))
            assert all(f"--{flag.replace('_', '-')}" in shown for flag in situation.answer), shown
            answer = dict(situation.answer)
        if drifted:
            with pytest.raises(verification.DatabaseDiffers, match=r"column public\.a\.j") as refused:
                adopt.adopt(settings, "prisma", theirs, url=url, **answer)
            assert "--accept" in refused.value.hint
            answer |= {"accept": ["column public.a.j"], "reason": "by hand"}
        assert not files.read(settings.migrations, settings.schemas)
        assert connection.execute("SELECT to_regnamespace('schemata')").fetchone() == (None,)
        found = adopt.adopt(settings, "prisma", theirs, url=url, **answer)
        assert json.loads(json.dumps(found.as_dict()))["pending"] == list(found.pending)
        assert found.recorded == tuple(IDS[one] for one in situation.applied)
        assert found.pending == tuple(id_ for one, id_ in IDS.items() if one not in situation.applied)
        rows = connection.execute(
            "SELECT migration_id, state, checksum FROM schemata.attempts ORDER BY migration_id"
        ).fetchall()
        sums = {item.id: item.checksum for item in files.read(settings.migrations, settings.schemas)}
        assert rows == [(IDS[one], "baselined", sums[IDS[one]]) for one in situation.applied]
        assert adopt.adopt(settings, "prisma", theirs, url=url, **situation.answer).recorded == ()
        state = status.status_of(settings, url=url)
        assert not state.compared.of("drift"), state
        assert state.compared.of("drift-accepted")
        out_of_order = bool(found.out_of_order)
        assert out_of_order == (name == "not recorded, in the middle")
        done = migrate.migrate(settings, url=url, allow_out_of_order=out_of_order).done
        assert tuple(item.id for item in done) == found.pending
        assert not status.status_of(settings, url=url).compared.of("drift")
        assert ledger_of(connection) == before


def test_what_is_recorded_has_the_time_and_the_checksum_of_the_ledger(repository: Project) -> None:
    """In yoyo's table and in ours; its log says where it is from, and that a marked one was not run."""
    theirs = str(lay(repository.root, PRISMA))
    settings = config.load(repository.root, {})
    with psycopg.connect(repository.url, autocommit=True) as connection:
        connection.execute(LEDGER + row(A) + row(B, "marked") + SQL[A] + SQL[B])
        adopt.adopt(settings, "prisma", theirs, url=repository.url)
        told = connection.execute(
            "SELECT migration_id, applied_at_utc::text, comment FROM schemata._yoyo_migration"
            " JOIN schemata._yoyo_log USING (migration_id) ORDER BY 1"
        ).fetchall()
        times = connection.execute(
            "SELECT DISTINCT (started_at AT TIME ZONE 'utc')::text, finished_at - started_at, duration_ms"
            " FROM schemata.attempts"
        ).fetchall()
    digests = {name: f"sha256:{hashlib.sha256(sql.encode()).hexdigest()}" for name, sql in SQL.items()}
    assert told == [
        (IDS[A], "2024-02-01 10:00:00", f"adopted from prisma {A} {digests[A]}"),
        (IDS[B], "2024-02-01 10:00:00", f"adopted from prisma {B} {digests[B]}; it was not run"),
    ]
    assert times == [("2024-02-01 10:00:00", datetime.timedelta(), 0.0)]


OTHERS = {
    "flyway": (
        {"V1__a.sql": SQL[A], "V2__b.sql": SQL[B], "R__v.sql": "CREATE OR REPLACE VIEW v AS SELECT 1 AS one;\n"},
        """
        CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50),
            description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum int,
            installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(),
            execution_time int NOT NULL, success boolean NOT NULL);
        CREATE INDEX flyway_schema_history_s_idx ON flyway_schema_history (success);
        INSERT INTO flyway_schema_history VALUES
            (1, '1', 'a', 'SQL', 'V1__a.sql', {checksum}, 'x', '2024-01-01 00:00:01', 7, true);
        """,
    ),
    "goose": (
        {f"0000{number}_{name[-1]}.sql": f"-- +goose Up\n{SQL[name]}" for number, name in enumerate(SQL, 1)},
        """
        CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL,
            tstamp timestamp NULL DEFAULT now());
        INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES (0, true, '2024-01-01'),
            (1, true, '2024-01-01');
        """,
    ),
    "golang-migrate": (
        {f"{number}_{name[-1]}.up.sql": SQL[name] for number, name in enumerate(SQL, 1)},
        """
        CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
        INSERT INTO schema_migrations VALUES (1, false);
        """,
    ),
    "drizzle": (
        {
            "meta/_journal.json": json.dumps({"entries": [
                {"idx": number, "when": 1700000000000 + number, "tag": f"000{number}_x", "breakpoints": True}
                for number in range(2)
            ]}),
            "0000_x.sql": SQL[A], "0001_x.sql": SQL[B],
        },
        """
        CREATE SCHEMA drizzle;
        CREATE TABLE drizzle.__drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint);
        INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('{sha}', 1700000000000);
        """,
    ),
}  # fmt: skip


def test_the_usual_path_of_a_tool_whose_files_make_its_ledger(repository: Project) -> None:
    """A row for each file, in a table that the tool made before the files would, in a form of its own."""
    one = "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar(255));\nCREATE TABLE a (i int);\n"
    two = "DO $$ BEGIN ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY; END $$;\n"
    texts = {"00_a.up.sql": one, "20240101000000_b.up.sql": two, "20240102000000_c.up.sql": "CREATE TABLE c (i int);\n"}
    theirs = str(lay(repository.root, texts))
    settings = config.load(repository.root, {})
    with psycopg.connect(repository.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE schema_migrations (version varchar(14) PRIMARY KEY)")
        connection.execute(f"{one}{two}INSERT INTO schema_migrations VALUES ('00'), ('20240101000000')")
        connection.execute("ALTER TABLE a ADD odd int")
        with pytest.raises(verification.DatabaseDiffers) as differs:
            adopt.adopt(settings, "golang-migrate", theirs, url=repository.url, keep_ledger=True)
        assert [one.subject for one in differs.value.differences] == ["column public.a.odd"]
        connection.execute("ALTER TABLE a DROP odd")
        found = adopt.adopt(settings, "golang-migrate", theirs, url=repository.url, keep_ledger=True)
        assert (len(found.recorded), len(found.pending)) == (2, 1)
        assert tuple(item.id for item in migrate.migrate(settings, url=repository.url).done) == found.pending


@pytest.mark.parametrize("tool", OTHERS)
def test_the_usual_path_of_another_tool(tool: str, repository: Project) -> None:
    """The first one is applied there: it is recorded, and the rest is applied by us; the ledger stays as it is."""
    texts, ledger = OTHERS[tool]
    theirs = str(lay(repository.root, texts))
    settings = config.load(repository.root, {})
    checksum = digests.flyway(SQL[A].encode()).partition(":")[2]
    with psycopg.connect(repository.url, autocommit=True) as connection:
        connection.execute(ledger.format(checksum=checksum, sha=hashlib.sha256(SQL[A].encode()).hexdigest()) + SQL[A])
        found = adopt.adopt(settings, tool, theirs, url=repository.url)
        assert len(found.recorded) == 1
        assert found.look is not None
        assert found.look.ledger is not None
        before = connection.execute(f"TABLE {found.look.ledger.schema}.{found.look.ledger.table}").fetchall()
        done = migrate.migrate(settings, url=repository.url).done
        assert tuple(item.id for item in done) == found.pending
        assert len(done) == len(files.read(settings.migrations, settings.schemas)) - 1
        assert not status.status_of(settings, url=repository.url).compared.of("drift")
        assert connection.execute(f"TABLE {found.look.ledger.schema}.{found.look.ledger.table}").fetchall() == before


@cases.named(("options", "match"), [
    ("unknown tool", {"tool": "rails"}, "there is no tool 'rails'"),
    ("schema not listed", {"schema": "app"}, "the settings do not list that schema"),
    ("no reason", {"skip": [A]}, "--skip is for a reason"),
    ("idle reason", {"reason": "x"}, "neither is asked for"),
    ("no value", {"values": ["a"]}, "--set a is not NAME=VALUE"),
    ("no database", {"through": A}, "none is named"),
    ("nothing of that name", {"skip": ["x"], "reason": "x"}, "has no migration x"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(options: dict[str, Any], match: str, repository: Project) -> None:
    """With exit code 2, before anything is read or written."""
    theirs = str(lay(repository.root, PRISMA))
    with pytest.raises(errors.ConfigError, match=re.escape(match)):
        adopt.adopt(config.load(repository.root, {}), options.pop("tool", "prisma"), theirs, **options)


def test_files_that_cannot_run_are_named_and_nothing_is_written(repository: Project) -> None:
    """With their lines; names of templates want values; a schema that the files make is not one of the settings."""
    texts: dict[str, str | bytes] = {
        **PRISMA,
        f"{B}/migration.sql": "\\connect other\nCREATE TABLE {{ .Space }}.b ();\n",
    }
    theirs = str(lay(repository.root, texts))
    settings = config.load(repository.root, {})
    with pytest.raises(errors.ConfigError, match=r"Space \(in .*b/migration\.sql\)") as wanted:
        adopt.adopt(settings, "prisma", theirs)
    assert "--set Space=VALUE" in wanted.value.hint
    with pytest.raises(preparing.NotRunnable, match=r"b/migration\.sql:1: "):
        adopt.adopt(settings, "prisma", theirs, values=["Space=public"])
    lay(repository.root, {f"{B}/migration.sql": "CREATE TABLE {{ .Space }}.b ();\nCREATE TABLE a ();\n"})
    with pytest.raises(preparing.NotRunnable, match='relation "a" already exists'):
        adopt.adopt(settings, "prisma", theirs, values=["Space=public"])
    lay(repository.root, {f"{B}/migration.sql": "CREATE SCHEMA {{ .Space }};\nCREATE TABLE {{ .Space }}.b ();\n"})
    both = dataclasses.replace(settings, schemas=("public", "app"))
    with pytest.raises(errors.ConfigError, match="the files make the schema app"):
        adopt.adopt(both, "prisma", theirs, values=["Space=app"])
    assert not files.read(settings.migrations, settings.schemas)
    found = adopt.adopt(settings, "prisma", theirs, values=["Space=app"])
    assert found.prepared.made == ("app",)
    repository.write("public.20250101000000.own", "SELECT 1;\n")
    assert adopt.adopt(settings, "prisma", theirs, values=["Space=app"]).written == 0
    with pytest.raises(errors.MigrationError, match=r"names were given other values \(--set\)"):
        adopt.adopt(settings, "prisma", theirs, values=["Space=other"])


def test_a_project_begins_with_another_tools_folder(tmp_path: Path, database: str) -> None:
    """`init --from-tool` writes nothing where a file cannot run; else all of it, and again nothing."""
    root = tmp_path / "shop"
    texts = {f"prisma/migrations/{name}": text for name, text in PRISMA.items()}
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    (root / "prisma/migrations" / B / "migration.sql").write_text("CREATE TABLE ${space}.b ();\n")
    with pytest.raises(errors.ConfigError, match="space") as refused:
        init.init(root, from_tool="prisma")
    assert "inv adopt prisma ." in refused.value.hint
    assert [path.name for path in root.iterdir()] == ["prisma"]
    (root / "prisma/migrations" / B / "migration.sql").write_text(SQL[B])
    assert init.init(root, from_tool="prisma", dry_run=True).ok
    assert [path.name for path in root.iterdir()] == ["prisma"]
    init.init(root, from_tool="prisma")
    settings = config.load(root, {})
    assert [item.id for item in files.read(settings.migrations, settings.schemas)] == list(IDS.values())
    assert {step.action for step in init.init(root, from_tool="prisma").steps} == {"there"}
    assert len(migrate.migrate(settings, url=database).done) == len(SQL)


def test_a_ledger_that_is_written_meanwhile_is_taken_over_later(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is recorded of a state that is no longer so; the next run records the new one."""
    theirs = str(lay(repository.root, PRISMA))
    settings = config.load(repository.root, {})
    compare = recording.Recording.compare

    def later(self: recording.Recording) -> tuple[str, ...]:
        accepted = compare(self)
        with psycopg.connect(repository.url, autocommit=True) as connection:
            connection.execute(row(B) + SQL[B])
        return accepted

    with psycopg.connect(repository.url, autocommit=True) as connection:
        connection.execute(LEDGER + row(A) + SQL[A])
        monkeypatch.setattr(recording.Recording, "compare", later)
        with pytest.raises(recording.LedgerMoved) as moved:
            adopt.adopt(settings, "prisma", theirs, url=repository.url)
        assert moved.value.exit_code == errors.BUSY
        assert connection.execute("SELECT to_regnamespace('schemata')").fetchone() == (None,)
        monkeypatch.setattr(recording.Recording, "compare", compare)
    found = adopt.adopt(settings, "prisma", theirs, url=repository.url)
    assert (found.recorded, found.pending) == ((IDS[A], IDS[B]), (IDS[C],))


@cases.named(("tool", "below", "others"), [
    ("deep", "flyway", "src/main/resources/db/migration", {"src/test/resources/V9__t.sql": "SELECT 1;"}),
    ("beside", "diesel", "migrations", {"x.sql": "SELECT 1;"}),
    ("none", "folder", "", {"migrations/1_x.sql": "SELECT 1;", "2_y.sql": "SELECT 1;"}),
])  # fmt: skip
def test_the_folder_of_a_repository(tool: str, below: str, others: Texts, tmp_path: Path) -> None:
    """Where a repository is named the usual folder below it is read; a plain folder is what is named."""
    root = lay(tmp_path, {**others, **({f"{below}/V1__a.sql": "", f"{below}/1_a/up.sql": SQL[A]} if below else {})})
    assert preparing.folder(tool, root) == (root / below if below else root)
    if below:
        assert preparing.folder(tool, root / below) == root / below
