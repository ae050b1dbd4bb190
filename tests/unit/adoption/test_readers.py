"""Each tool's folder is read in the tool's own order, with the names by which its ledger knows the migrations."""

from pathlib import Path

import pytest

from schemata import errors
from schemata.adoption import model, sources
from schemata.adoption.readers import reading
from tests.unit import cases
from tests.unit.adoption import histories

#: (name, version, has a way down, runs in a transaction) of each script, in order.
READ = [
    ("prisma", "prisma", [
        ("20240101000000_init", "20240101000000_init", True, True),
        ("20240102000000_more", "20240102000000_more", False, True),
    ]),
    ("flyway, by number, repeatable last by description", "flyway", [
        ("V1_9__nine", "1.9", False, True), ("V1.10__ten", "1.10", True, True), ("V2__index", "2", False, False),
        ("R__a_view", "a view", False, True), ("R__b_view", "b view", False, True),
    ]),
    ("sqitch, in the order of the plan, reworked by its tag", "sqitch", [
        ("schema", "", True, True), ("api/users@v1", "", True, True), ("api/users", "", False, True),
    ]),
    ("dbmate", "dbmate", [
        ("20240101000000_init", "20240101000000", True, True), ("20240102000000_index", "20240102000000", True, False),
    ]),
    ("alembic-sql, down from a file beside it", "alembic-sql", [
        ("aaa", "aaa", True, True), ("bbb", "bbb", True, True),
    ]),
    ("goose, numeric", "goose", [
        ("9_first", "9", True, True), ("10_function", "10", True, True), ("11_index", "11", False, False),
    ]),
    ("golang-migrate, numeric", "golang-migrate", [("9_a", "9", False, True), ("10_b", "10", True, True)]),
    ("diesel, by version without hyphens", "diesel", [
        ("20240101000000_init", "20240101000000", True, True),
        ("2024-01-02-000000_index", "20240102000000", True, False),
    ]),
    ("sqlx", "sqlx", [
        ("20240101000000_init", "20240101000000", False, True), ("20240102000000_index", "20240102000000", True, False),
    ]),
    ("drizzle, as the journal lists them", "drizzle", [
        ("0000_cool_name", "1700000000000", False, True), ("0001_next", "1700000001000", False, True),
    ]),
    ("node-pg-migrate, two kinds of time", "node-pg-migrate", [
        ("20230101000000000_first", "20230101000000000_first", False, True),
        ("1700000000000_second", "1700000000000_second", True, True),
    ]),
    ("supabase, one time twice", "supabase", [
        ("20240101000000_a", "20240101000000", False, True), ("20240101000000_b", "20240101000000", False, True),
    ]),
    ("folder, numbers as numbers, base names that repeat", "folder", [
        ("2_a", "2_a", True, True), ("10_b", "10_b", False, True), ("later/10_b", "later/10_b", False, True),
    ]),
]  # fmt: skip


@cases.named(("tool", "expected"), READ)
def test_a_folder_is_read_in_the_tools_order(tool: str, expected: list[tuple[str, str, bool, bool]]) -> None:
    """Names, versions, ways down and markers are the tool's."""
    read = histories.history(tool, histories.ALL[tool])
    assert not read.unreadable
    actual = [(item.name, item.version, item.down is not None, item.transactional) for item in read.scripts]
    if tool == "sqitch":  # its versions are ids, which a test of their own checks
        actual = [(name, "", down, inside) for name, _, down, inside in actual]
    assert actual == expected


def test_every_tool_has_a_reader_and_a_row() -> None:
    """What can be typed is read, and what is read is tested."""
    assert {row[1] for row in READ} == set(model.TOOLS) == set(histories.ALL)


@cases.named(("tool", "files", "why"), [
    ("prisma without its file", "prisma", {"20240101_a/readme.toml": ""}, "the folder has no migration.sql"),
    ("goose in Go", "goose", {"1_a.go": "package a"}, "it is written in Go"),
    ("goose without Up", "goose", {"1_a.sql": "SELECT 1;"}, "it has no line `-- +goose Up`"),
    ("goose with Up twice", "goose", {"1_a.sql": "-- +goose Up\n-- +goose Up\n"},
     "`-- +goose Up` or `-- +goose Down` is written twice"),
    ("goose with SQL before Up", "goose", {"1_a.sql": "SELECT 1;\n-- +goose Up\n"},
     "it has SQL before the line `-- +goose Up`"),
    ("goose with half a block", "goose", {"1_a.sql": "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n"},
     "its lines `-- +goose StatementBegin` and `StatementEnd` do not come in pairs"),
    ("dbmate without up", "dbmate", {"1_a.sql": "SELECT 1;"}, "it has no line `-- migrate:up`"),
    ("dbmate the wrong way round", "dbmate", {"1_a.sql": "-- migrate:down\n-- migrate:up\n"},
     "`-- migrate:down` comes before `-- migrate:up`"),
    ("dbmate with SQL before up", "dbmate", {"1_a.sql": "SELECT 1;\n-- migrate:up\n"},
     "it has SQL before the line `-- migrate:up`"),
    ("node-pg-migrate in JavaScript", "node-pg-migrate", {"1_a.js": ""}, "it is written in JavaScript or TypeScript"),
    ("node-pg-migrate with down only", "node-pg-migrate", {"1_a.sql": "SELECT 1;\n-- Down Migration\nSELECT 2;"},
     "it has a line `-- Down Migration`, but no line `-- Up Migration`"),
    ("flyway in Java", "flyway", {"V1__a.java": ""}, "it is a program (java), not SQL"),
    ("diesel without its file", "diesel", {"1_a/down.sql": ""}, "the folder has no up.sql"),
    ("drizzle without its file", "drizzle", {"meta/_journal.json": '{"entries": [{"tag": "a", "when": 1}]}'},
     "the journal names it, but there is no such file"),
    ("sqitch without its file", "sqitch", {"sqitch.plan": "%project=a\nx 2024-01-01T00:00:00Z A <a@b.c> # X\n"},
     "the plan names it, but there is no such file"),
    ("alembic's Python", "alembic-sql", {"versions/a.py": ""},
     "it is Python: write its SQL with `alembic upgrade head --sql`"),
    ("alembic-sql of something else", "alembic-sql", {"a.sql": "SELECT 1;"},
     "it has no line `-- Running upgrade … -> …`: write it with `alembic upgrade head --sql`"),
    ("golang-migrate: a name of another tool", "golang-migrate", {"1_a.up.sql": "", "2_b.sql": ""},
     "golang-migrate passes over it, as it takes <number>_<name>.up.sql and .down.sql"),
    ("goose: a name without its _", "goose", {"1_a.sql": "-- +goose Up\n", "2b.sql": ""},
     "goose passes over it, as it takes <number>_<name>.sql"),
    ("supabase: a name without its _", "supabase", {"20240101.sql": ""},
     "Supabase passes over it, as it takes <digits>_<name>.sql"),
    ("flyway: one _ too few", "flyway", {"V1__a.sql": "", "V2_b.sql": ""},
     "Flyway passes over it, as it takes V<version>__<name>.sql and the like"),
    ("a NUL character", "folder", {"a.sql": b"SELECT 1;\0"}, "it has a NUL character, which PostgreSQL cannot take"),
])  # fmt: skip
def test_what_cannot_be_read_is_named(tool: str, files: dict[str, str | bytes], why: str) -> None:
    """A program, or a file that its own tool would refuse, is listed with its path and not dropped."""
    (item,) = histories.history(tool, files).unreadable
    assert item.why == why
    assert any(path.startswith(item.path) for path in files) or tool in ("drizzle", "sqitch")


@cases.named(("tool", "files", "text"), [
    ("nothing", "goose", {"x.toml": ""}, "holds no migration of goose"),
    ("prisma for another database", "prisma", {"migration_lock.toml": 'provider = "mysql"'}, "says provider 'mysql'"),
    ("a version twice", "goose", {"1_a.sql": "", "01_b.sql": ""}, "share version 1, which goose refuses"),
    ("flyway: a version twice", "flyway", {"V1__a.sql": "", "sub/V1__b.sql": ""}, "share version 1"),
    ("golang-migrate: a version twice", "golang-migrate", {"1_a.up.sql": "", "1_b.up.sql": ""}, "share version 1"),
    ("sqitch without a plan", "sqitch", {"deploy/a.sql": ""}, "there is no sqitch.plan"),
    ("sqitch: a line of nothing", "sqitch", {"sqitch.plan": "%project=a\nwhat\n"}, "line 2 is no change and no tag"),
    ("sqitch: rework without a tag", "sqitch", {"sqitch.plan": (
        "%project=a\nx 2024-01-01T00:00:00Z A <a@b.c>\nx 2024-01-02T00:00:00Z A <a@b.c>\n")}, "without a tag"),
    ("drizzle without a journal", "drizzle", {"0000_a.sql": ""}, "there is no meta/_journal.json"),
    ("drizzle: a broken journal", "drizzle", {"meta/_journal.json": "{"}, "is not as Drizzle writes it"),
    ("alembic-sql: a revision twice", "alembic-sql", {
        "a.sql": "-- Running upgrade  -> a\nSELECT 1;", "b.sql": "-- Running upgrade  -> a\nSELECT 1;"}, "both hold"),
    ("alembic-sql: a part is missing", "alembic-sql", {
        "a.sql": "-- Running upgrade  -> a\nSELECT 1;\n-- Running upgrade b -> c\nSELECT 1;"}, "lacks the revisions b"),
])  # fmt: skip
def test_a_folder_that_the_tool_refuses_is_refused(tool: str, files: dict[str, str | bytes], text: str) -> None:
    """Where the tool itself would stop, so does the reader, and names the file."""
    with pytest.raises(model.UnreadHistory, match=text) as refusal:
        histories.history(tool, files)
    assert refusal.value.hint


def test_what_is_left_out_needs_a_reason_and_a_name() -> None:
    """A migration in Go stops the reading until a person leaves it out by name; a name that fits nothing is refused."""
    read = histories.history("goose", {**histories.GOOSE, "12_more.go": "package x"})
    with pytest.raises(model.UnreadHistory, match=r"12_more\.go: it is written in Go"):
        model.without(read, {})
    left = model.without(read, {"12_more": "its index is there"})
    assert [item.reason for item in left.skipped] == ["its index is there"]
    assert len(left.scripts) == 3
    with pytest.raises(errors.ConfigError, match="has no migration 13_x"):
        model.without(read, {"12_more": "yes", "13_x": "no"})
    assert [item.name for item in model.without(read, {"12_more.go": "a", "9_first": "b"}).skipped] == [
        "12_more",
        "9_first",
    ]


def test_flyways_baseline_stands_for_older_files() -> None:
    """An empty database gets the last B file and what comes after it; the others stay known for a ledger."""
    files = {**histories.FLYWAY, "B1.10__all.sql": "CREATE TABLE nine (i int); CREATE TABLE ten (i int);\n"}
    read = histories.history("flyway", files)
    assert [item.name for item in read.scripts] == ["B1.10__all", "V2__index", "R__a_view", "R__b_view"]
    assert [item.name for item in read.replaced] == ["V1_9__nine", "V1.10__ten"]
    assert read.scripts[0].baseline
    assert any("an empty database gets it instead of 2 older files" in note for note in read.notes)


def test_prismas_two_orders_are_noted() -> None:
    """Bytes put `_` after digits, words before: where releases differ, it is said which order is taken."""
    names = ["20240101_b", "20240101120000_a", "20240102000000_c"]
    read = histories.history("prisma", {f"{name}/migration.sql": "SELECT 1;" for name in names})
    assert [item.name for item in read.scripts] == ["20240101120000_a", "20240101_b", "20240102000000_c"]
    assert read.notes == (
        "Prisma 7 orders 20240101_b before 20240101120000_a, earlier releases after it: their order is taken",
    )


def test_flyways_versions_may_have_no_prefix() -> None:
    """Where no name begins with V, the configuration says so, and the names are versions as they stand."""
    files = {"20240102000000__b.sql": "SELECT 2;", "20240101000000__a.sql": "SELECT 1;", "R__v-1_x.sql": "SELECT 3;"}
    read = histories.history("flyway", {**files, "afterMigrate.sql": "SELECT 4;"})
    assert [(item.name, item.version, item.time, item.rest) for item in read.scripts] == [
        ("20240101000000__a", "20240101000000", "20240101000000", "a"),
        ("20240102000000__b", "20240102000000", "20240102000000", "b"),
        ("R__v-1_x", "v-1 x", "", "R__v-1_x"),
    ]
    assert len(read.notes) == 2


def test_what_no_tool_runs_is_noted() -> None:
    """Files beside the migrations that are named otherwise, and scripts that the plan or journal does not name."""
    left_out = {
        "dbmate": "README.sql", "golang-migrate": "readme.sql", "supabase": "notes.sql",
        "drizzle": "0002_not_listed.sql", "flyway": "afterMigrate.sql",
    }  # fmt: skip
    for tool, path in left_out.items():
        notes = histories.history(tool, histories.ALL[tool]).notes
        assert any(note.startswith(f"{path} is left out: ") for note in notes)
    sqitch = histories.history("sqitch", {**histories.SQITCH, "db/deploy/later.sql": "SELECT 1;"})
    assert sqitch.notes == ("db/deploy/later.sql is left out: the plan does not name it",)


def test_sqitchs_scripts_say_their_note_and_tags() -> None:
    """The title is the note of the plan, with the tags that follow the change; the verify script is known."""
    schema, users, again = histories.history("sqitch", histories.SQITCH).scripts
    assert [item.title for item in (schema, users, again)] == ["The schema", "Users @v1", "Users again"]
    assert (schema.verify_path, users.verify_path) == ("db/verify/schema.sql", "")
    assert histories.history("sqitch", histories.SQITCH).project == "shop"


def test_alembics_own_statements_are_left_out() -> None:
    """The version table and the transaction around all are the tool's; what an autocommit block did stays."""
    first, second = histories.history("alembic-sql", histories.ALEMBIC).scripts
    assert "alembic_version" not in first.up + second.up + str(first.down) + str(second.down)
    assert [line for line in second.up.split("\n") if line and not line.startswith("--")] == [
        "BEGIN;", "ALTER TABLE account ADD x int;", "COMMIT;", "CREATE INDEX CONCURRENTLY i ON account (x);",
        "BEGIN;", "ALTER TABLE account ADD y int;", "COMMIT;",
    ]  # fmt: skip
    assert "INSERT INTO account VALUES (1);" in first.up
    assert "BEGIN" not in first.up
    assert second.requires == ("aaa",)


def test_alembics_revisions_are_ordered_by_what_they_come_from() -> None:
    """One file a revision in any order of names; a merge comes after both of its parents."""
    texts = {"a.sql": "b, c -> d", "b.sql": "a -> c", "c.sql": "a -> b", "d.sql": " -> a"}
    read = histories.history("alembic-sql", {k: f"-- Running upgrade {v}\n\nSELECT 1;\n" for k, v in texts.items()})
    assert [item.version for item in read.scripts] == ["a", "c", "b", "d"]


def test_drizzles_parts_end_in_semicolons() -> None:
    """Each part is a message of its own for Drizzle: together they need their semicolons."""
    first, second = histories.history("drizzle", histories.DRIZZLE).scripts
    assert first.up == "CREATE TABLE a (i int);\n--> statement-breakpoint\nCREATE TABLE b (i int);"
    assert first.notes == ("a semicolon was put at the end of its parts that had none",)
    assert second.notes == ()


def test_files_are_read_from_disk(tmp_path: Path) -> None:
    """A folder, or one file; hidden folders are passed over; a folder that is not there is a wrong setting."""
    for path, text in {**histories.PRISMA, ".git/x.sql": "no"}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(str(text).encode())
    (tmp_path / "20240103000000_empty").mkdir()
    read = reading.of_tree("prisma", sources.load(tmp_path))
    assert [item.name for item in read.scripts] == ["20240101000000_init", "20240102000000_more"]
    assert [item.name for item in read.unreadable] == ["20240103000000_empty"]
    (tmp_path / "prisma").mkdir()
    (tmp_path / "prisma" / "migrations").mkdir()
    with pytest.raises(model.NothingThere, match=r"There is .*prisma/migrations: name that folder"):
        reading.read("goose", tmp_path / "prisma")
    single = sources.load(tmp_path / "20240101000000_init" / "migration.sql")
    assert list(single.files) == ["migration.sql"]
    with pytest.raises(errors.ConfigError, match="there is no folder"):
        sources.load(tmp_path / "nowhere")
    with pytest.raises(errors.ConfigError, match="there is no tool 'liquibase'"):
        reading.read("liquibase", tmp_path)
