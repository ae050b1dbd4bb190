"""migrate-status: everything that is so, at once, and nothing changed by asking."""

import json
import os
import pty
import re
import sys
from collections.abc import Callable

import psycopg
import pytest

from schemata.postgres import lock_holder
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
THREE = "web.20250101000003.three"
FOUR = "web.20250101000004.four"
FIVE = "app.20250101000005.five"
SIX = "app.20250101000006.six"


@pytest.fixture
def two(project: Project, schemata: CommandLine) -> Project:
    """Give a project of two schemas with four migrations applied."""
    project.schemas = ("app", "web")
    project.configure()
    project.write(ONE, "-- One.\nCREATE TABLE app.one (id int);\nCREATE INDEX one_id ON app.one (id);\n")
    project.write(TWO, "-- Two.\nCREATE TABLE app.two (id int);\n")
    project.write(THREE, "-- Three.\nCREATE TABLE web.three (id int);\n")
    project.write(FOUR, "-- Four.\nCREATE TABLE web.four (id int);\n")
    assert schemata("migrate").returncode == 0
    return project


def _break(project: Project) -> None:
    """Make every kind of finding that can be there together."""
    project.write(ONE, "-- One.\nCREATE TABLE app.one (id bigint);\nCREATE INDEX one_id ON app.one (id);\n")
    gone = project.root / "migrations" / "web" / f"{THREE}.sql"
    gone.unlink()
    gone.with_suffix(".rollback.sql").unlink()
    project.write("app.20250101000000.late", "-- Late.\nSELECT 1;\n")
    project.write(FIVE, "-- Five.\nSELECT 1;\n")
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE app.two ADD CONSTRAINT two_positive CHECK (id > 0) NOT VALID")
        connection.execute("INSERT INTO web.four VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY four_id ON web.four (id)")


def test_every_finding_is_told_and_none_hides_another(
    two: Project, schemata: CommandLine, dump: Callable[[str], str]
) -> None:
    """Changed, missing, out-of-order, pending, drift, invalid index, unvalidated: all stand together, and alike."""
    _break(two)
    before = dump(two.url)
    document = schemata.json("migrate-status", code=1)
    ended = schemata("migrate-status")
    assert ended.returncode == 1
    assert {(finding["code"], finding["schema"], finding["subject"]) for finding in document["findings"]} == {
        ("changed", "app", ONE),
        ("missing", "web", THREE),
        ("out-of-order", "app", "app.20250101000000.late"),
        ("pending", "app", FIVE),
        ("drift", "app", "app"),
        ("drift", "web", "web"),
        ("invalid-index", "web", "web.four_id"),
        ("unvalidated", "app", "app.two.two_positive"),
    }
    for finding in document["findings"]:
        assert finding["subject"] in ended.stdout
        assert finding["remedy"] in ended.stdout
        if finding["code"] != "pending":  # a pending one is a row of the table
            assert finding["text"] in ended.stdout
    for row in document["migrations"]:
        if row["state"] != "applied":
            assert re.search(rf"{re.escape(row['id'])} +{row['state']}\b", ended.stdout)
    assert dump(two.url) == before


def test_the_holder_of_the_deploy_lock_is_named(two: Project, schemata: CommandLine) -> None:
    """A running deploy is a note beside the findings; of drift nothing is said while the structure moves."""
    _break(two)
    with psycopg.connect(two.url, application_name="schemata ci-7 42 20250814T221815Z") as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [lock_holder.KEY])
        document = schemata.json("migrate-status", code=1)
        shown = schemata("migrate-status").stdout
    codes = [finding["code"] for finding in document["findings"]]
    assert {"changed", "missing", "out-of-order", "pending", "invalid-index", "unvalidated", "lock"} == set(codes)
    (lock,) = [finding for finding in document["findings"] if finding["code"] == "lock"]
    assert "deployer on ci-7, pid 42, since 20250814T221815Z" in lock["text"]
    assert lock["text"] in shown
    assert lock["exit_code"] == 0


def test_one_schema_is_shown_alone(two: Project, schemata: CommandLine) -> None:
    """--schema shows that schema's rows and findings only, judged in the whole order, with their own exit code."""
    _break(two)
    document = schemata.json("migrate-status", "--schema", "web", code=1)
    assert {row["schema"] for row in document["migrations"]} == {"web"}
    assert {finding["code"] for finding in document["findings"]} == {"missing", "drift", "invalid-index"}
    assert "app" not in {
        row.split()[0] for row in schemata("migrate-status", "--schema", "web").stdout.split("\n") if row
    }


def test_check_turns_pending_into_exit_code_4(two: Project, schemata: CommandLine) -> None:
    """Pending alone is exit 0, and 4 with --check; anything that needs a person wins over it."""
    assert schemata("migrate-status", "--check").returncode == 0
    two.write(FIVE, "-- Five.\nSELECT 1;\n")
    ended = schemata("migrate-status")
    assert ended.returncode == 0
    assert "1 pending; apply with: inv migrate" in ended.stdout
    assert schemata("migrate-status", "--check").returncode == 4
    document = schemata.json("migrate-status", "--check", code=4)
    assert (document["ok"], document["exit_code"]) == (False, 4)
    assert schemata("migrate-status", "--check", "--schema", "web").returncode == 0
    _break(two)
    assert schemata("migrate-status", "--check").returncode == 1


@pytest.mark.parametrize(
    "edit",
    [
        "ALTER TABLE app.one ADD COLUMN more text",
        "DROP INDEX app.one_id",
        "CREATE TABLE app.stray ()",
        "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE app.one ALTER id SET DEFAULT 7",
        "CREATE TYPE app.mood AS ENUM ('fine')",
        "GRANT SELECT ON app.one TO PUBLIC",
        "COMMENT ON TABLE app.one IS 'edited'",
    ],
)
def test_a_structure_that_was_edited_by_hand_is_drift(two: Project, schemata: CommandLine, edit: str) -> None:
    """A hand-made change of schema app is told as its drift, and stays so; rows and other schemas are none."""
    with psycopg.connect(two.url, autocommit=True) as connection:
        connection.execute("INSERT INTO app.one VALUES (1); CREATE SCHEMA other; CREATE TABLE other.t ()")
        assert not schemata.json("migrate-status")["findings"]
        connection.execute(edit)
    document = schemata.json("migrate-status", code=1)
    assert [(finding["code"], finding["schema"]) for finding in document["findings"]] == [("drift", "app")]
    assert schemata("migrate-status", "--no-drift").returncode == 0
    two.write(FIVE, "SELECT 1;\n")
    # A deploy goes on: what the structure was is compared for people, not for machines.
    ended = schemata("migrate")
    assert ended.returncode == 0
    assert "drift: schema app (" in ended.stdout
    document = schemata.json("migrate-status", code=1)
    assert [(finding["code"], finding["schema"]) for finding in document["findings"]] == [("drift", "app")]
    two.write(SIX, "CREATE TABLE app.six ();\n")
    assert schemata("migrate").returncode == 0
    (finding,) = schemata.json("migrate-status", code=1)["findings"]
    assert f"before {FIVE} was applied" in finding["text"]
    assert schemata("drift-accept").returncode == 2
    assert schemata("drift-accept", "--reason", "incident 12", "--by", "ann").returncode == 0
    (finding,) = schemata.json("migrate-status")["findings"]
    assert (finding["code"], finding["exit_code"]) == ("drift-accepted", 0)
    assert "ann accepted it at 20" in finding["text"]
    assert finding["text"].endswith("incident 12")


def test_drift_that_is_gone_is_not_accepted(two: Project, schemata: CommandLine) -> None:
    """It was noticed before a migration ran, and the lock file tells that it is gone: there is nothing to record."""
    with psycopg.connect(two.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE app.stray ()")
        two.write(FIVE, "CREATE TABLE web.five ();\n")
        assert schemata("migrate").returncode == 0
        connection.execute("DROP TABLE app.stray")
    assert schemata("lock").returncode == 0
    assert schemata("migrate-status").returncode == 0
    for flags, said in (((), "no drift to accept"), (("--schema", "app"), "no drift of schema app to accept")):
        ended = schemata("drift-accept", "--reason", "x", *flags)
        assert (ended.returncode, said in ended.stdout) == (0, True), ended.stdout
    assert not schemata.json("migrate-status")["findings"]
    with psycopg.connect(two.url) as connection:
        assert connection.execute("SELECT count(*) FROM schemata.drift WHERE accepted_by IS NOT NULL").fetchone() == (
            0,
        )


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ("REVOKE EXECUTE ON FUNCTION pg_catalog.now() FROM PUBLIC", "grant"),
        ("COMMENT ON TABLE app.one IS 'edited'", "app.one"),
    ],
)
def test_status_smoke_and_parity_agree(two: Project, schemata: CommandLine, edit: str, named: str) -> None:
    """All three are green before a change by hand, and red after it: nobody has to know which of them to believe."""
    commands = ("migrate-status", "smoke", "parity")
    assert [schemata(command).returncode for command in commands] == [0, 0, 0]
    with psycopg.connect(two.url, autocommit=True) as connection:
        connection.execute(edit)
    status, *others = [schemata(command) for command in commands]
    assert (status.returncode, *(one.returncode for one in others)) == (1, 1, 1)
    assert "1 finding(s) need action by a person." in status.stdout
    assert all(named in one.stdout for one in others)


def test_a_constraint_that_was_never_validated_is_a_note(two: Project, schemata: CommandLine) -> None:
    """NOT VALID is told with the statement that validates it, and is exit 0 with --check too."""
    two.write(FIVE, "ALTER TABLE app.one ADD CONSTRAINT one_positive CHECK (id > 0) NOT VALID;\n")
    assert schemata("migrate").returncode == 0
    ended = schemata("migrate-status", "--check")
    assert ended.returncode == 0
    assert "unvalidated: app.one.one_positive: the constraint is NOT VALID" in ended.stdout
    assert 'ALTER TABLE "app"."one" VALIDATE CONSTRAINT "one_positive";' in ended.stdout


def test_status_of_an_empty_database_writes_nothing(
    project: Project, schemata: CommandLine, dump: Callable[[str], str]
) -> None:
    """On a database that was never migrated everything is pending, and nothing is made by asking."""
    project.write(ONE, "SELECT 1;\n")
    before = dump(project.url)
    document = schemata.json("migrate-status")
    assert [row["state"] for row in document["migrations"]] == ["pending"]
    assert (document["database_revision"], document["revision"]) == ("", ONE)
    assert dump(project.url) == before


def test_no_line_of_a_table_is_wider_than_100_columns(two: Project, schemata: CommandLine) -> None:
    """Long names and titles give way with an ellipsis."""
    long = f"app.20250101000009.{'very_' * 20}long"
    two.write(long, f"-- {'A long title. ' * 20}\nSELECT 1;\n")
    for line in schemata("migrate-status").stdout.splitlines():
        assert line.startswith("Target: ") or len(line) <= 100
    assert schemata.json("migrate-status")["migrations"][-1]["id"] == long


def test_colour_is_for_terminals(two: Project, schemata: CommandLine) -> None:
    """Without a terminal there is none; with one there is, unless NO_COLOR; FORCE_COLOR wins over the pipe."""
    two.write(FIVE, "SELECT 1;\n")
    assert "\x1b[" not in schemata("migrate-status").stdout
    assert "\x1b[33mpending\x1b[0m" in schemata("migrate-status", FORCE_COLOR="1").stdout
    assert "\x1b[" not in schemata("migrate-status", FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b[" not in schemata("migrate-status", "--json", FORCE_COLOR="1").stdout
    assert "\x1b[33mpending" in _on_a_terminal(two, {})
    assert "\x1b[33m" not in _on_a_terminal(two, {"NO_COLOR": "1"})


def _on_a_terminal(project: Project, environment: dict[str, str]) -> str:
    """Return what `inv migrate-status` writes to a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project.root)
        wanted = {**project.env(), "TERM": "xterm", **environment}
        os.execvpe(sys.executable, [sys.executable, "-m", "invoke", "migrate-status"], wanted)
    text = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        text += piece
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, text.decode()
    return text.decode()


def test_json_is_one_document_of_the_same_values(two: Project, schemata: CommandLine) -> None:
    """The JSON names target, revisions, every migration with state and time, and hides the password."""
    text = schemata("migrate-status", "--json").stdout
    document = json.loads(text)
    assert document["ok"] is True
    assert document["revision"] == document["database_revision"] == FOUR
    assert [row["id"] for row in document["migrations"]] == [ONE, TWO, THREE, FOUR]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["applied_at"]) for row in document["migrations"])
    assert document["target"]["chosen_by"] == "DATABASE_URL"
    password = two.url.split(":")[2].split("@")[0]
    assert password not in text
    assert password not in schemata("migrate-status").stdout
