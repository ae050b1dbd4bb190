"""inv parity: databases against what the migrations make, against each other, and against a file."""

import contextlib
import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemata.postgres import urls
from tests import patience
from tests.acceptance.conftest import CommandLine
from tests.acceptance.parity.conftest import SECRET, TARGETS, Pair
from tests.conftest import Project

CHANGE = """
    ALTER TABLE app.users ALTER COLUMN name TYPE character varying(120);
    ALTER TABLE app.orders DROP CONSTRAINT orders_total_check;
    CREATE TABLE app.tmp_import (id int);
    GRANT SELECT ON app.users TO PUBLIC;
    DROP INDEX app.idx_users_created_at;
    COMMENT ON TABLE app.users IS 'Persons';
"""
#: Of the six statements above.
COUNTS = {"structure": 3, "access": 1, "performance": 1, "cosmetic": 0}
AGAINST_STAGING = ("parity", "--targets", "prod", "--against", "staging")


def subjects(found: Any, target: str = "prod") -> dict[str, str]:
    """Return what differs of a target, and how."""
    (outcome,) = (one for one in found["targets"] if one["name"] == target)
    return {one["subject"]: one["change"] for one in outcome["differences"]}


def told_rows(text: str) -> list[list[str]]:
    """Return the rows of the matrix as people see it."""
    rows = []
    for line in text.split("\n"):
        words = re.split(r" {2,}", line.strip())
        if words[-1] in ("parity", "differs", "not asked") and len(words) > 1:
            rows.append(words)
    return rows


def test_a_migrated_database_has_parity(schemata: CommandLine, migrated: Project) -> None:
    """Nothing differs from what the migrations make of an empty database."""
    ended = schemata("parity")
    assert ended.returncode == 0
    assert "Parity: no difference." in ended.stdout
    assert "Expected: what the 1 migration makes" in ended.stdout


def test_a_change_by_hand_is_told(schemata: CommandLine, migrated: Project) -> None:
    """Each difference with its severity, its fact, both values, the count, and what to type."""
    with psycopg.connect(migrated.url) as connection:
        connection.execute(CHANGE)
    ended = schemata("parity", NO_COLOR="1", COLUMNS="100")
    assert ended.returncode == 1
    for line in (
        "structure    changed  column app.users.name",
        "      type: character varying(100) -> character varying(120)",
        "structure    missing  constraint app.orders.orders_total_check",
        "structure    extra    table app.tmp_import (1 column)",
        "access       changed  table app.users",
        "      comment: People -> Persons",
        "performance  missing  index app.users.idx_users_created_at",
        "5 differences: 3 structure, 1 access, 1 performance.",
        "  inv parity --fix",
        "Not compared: rows",
    ):
        assert line in ended.stdout, ended.stdout


def test_pending_migrations_are_not_expected_yet(schemata: CommandLine, migrated: Project) -> None:
    """What is pending is said and is no difference; what it would make, made by hand, is one."""
    migrated.write("app.20250102000000.more", "CREATE TABLE app.more (id int);")
    ended = schemata("parity")
    assert ended.returncode == 0, ended.stdout
    assert "1 migration pending there and not expected yet: inv migrate" in ended.stdout
    with psycopg.connect(migrated.url) as connection:
        connection.execute("CREATE TABLE app.more (id int)")
    found = schemata.json("parity", code=1)
    assert [one["subject"] for one in found["targets"][0]["differences"]] == ["table app.more"]


def test_an_edited_file_is_said(schemata: CommandLine, migrated: Project) -> None:
    """The history has a finding of its own, which is named beside the difference that comes of it."""
    path = next((migrated.root / "migrations/app").glob("*start.sql"))
    path.write_text(path.read_text() + "\nCREATE TABLE app.late (id int);\n")
    ended = schemata("parity")
    assert ended.returncode == 1
    assert "Its history needs a look (1 changed): inv migrate-status" in ended.stdout
    assert "missing  table app.late" in ended.stdout


def test_a_full_database_without_a_history(schemata: CommandLine, project: Project, pair: Pair) -> None:
    """Everything is expected of it: so somebody learns whether it may be taken over."""
    project.write("app.20250101000000.start", "CREATE TABLE app.users (id bigint PRIMARY KEY);")
    found = schemata.json("parity", "--targets", "prod", code=1)
    assert subjects(found)["table app.orders"] == "extra"
    assert "the 1 migration makes" in found["targets"][0]["expected"]


def test_a_database_against_another(schemata: CommandLine, pair: Pair) -> None:
    """By name and by URL, in both directions."""
    assert schemata(*AGAINST_STAGING).returncode == 0
    pair.change(pair.prod, "CREATE TABLE app.tmp_import (id int)")
    found = schemata.json(*AGAINST_STAGING, code=1)
    assert subjects(found) == {"table app.tmp_import": "extra"}
    assert found["targets"][0]["differences"][0]["parts"][0]["name"] == "id"
    found = schemata.json("parity", "--url", pair.staging, "--against", pair.prod, code=1)
    assert "(--against, PostgreSQL" in found["targets"][0]["expected"]
    assert found["targets"][0]["differences"][0]["change"] == "missing"


def test_the_json_is_what_the_table_tells(schemata: CommandLine, pair: Pair) -> None:
    """Every number of the matrix, for every target and schema."""
    pair.change(pair.prod, CHANGE)
    flags = ("parity", "--targets", "staging,prod,away", "--against", "staging")
    ended = schemata(*flags, NO_COLOR="1", COLUMNS="100")
    found = schemata.json(*flags, code=3)
    assert ended.returncode == 3
    expected = [[str(value) for value in row.values() if value is not None] for row in found["matrix"]]
    assert told_rows(ended.stdout) == expected
    for outcome in found["targets"][:2]:
        for schema, counts in outcome["counts"].items():
            listed = [one["severity"] for one in outcome["differences"] if one["schema"] == schema]
            assert counts == {severity: listed.count(severity) for severity in counts}
    assert found["targets"][1]["counts"]["app"] == COUNTS


def test_one_target_that_is_not_there(schemata: CommandLine, pair: Pair) -> None:
    """It is named with the reason and what to type, the others are shown, and no password is told."""
    pair.change(pair.prod, CHANGE)
    ended = schemata("parity", "--targets", "staging,away,prod", "--against", "staging")
    assert ended.returncode == 3
    assert "away: could not be asked: " in ended.stdout
    assert "no server accepts connections" in ended.stdout
    assert "correct the host and port in AWAY_URL" in ended.stdout
    assert "prod: 5 differences" in ended.stdout
    assert ended.stdout.rstrip().split("\n")[-1].startswith("Could not be asked: away")
    found = schemata("parity", "--targets", "away,prod", "--against", "staging", "--json").stdout
    everything = ended.stdout + ended.stderr + found
    assert SECRET not in everything
    assert str(urls.without_password(pair.prod)[1]) not in everything


def test_the_other_side_is_not_there(schemata: CommandLine, pair: Pair) -> None:
    """Then nothing can be said of any target."""
    found = schemata.json("parity", "--targets", "staging,prod", "--against", "away", code=3)
    assert ["not known" in one["problem"] for one in found["targets"]] == [True, True]
    ended = schemata("parity", "--targets", "prod", "--against", "staging", STAGING_URL="")
    assert ended.returncode == 3
    assert "STAGING_URL, which is to hold its URL, is not set" in ended.stdout


def test_a_role_that_may_only_connect(
    schemata: CommandLine, pair: Pair, make_role: Callable[..., str], dump: Callable[[str], str]
) -> None:
    """It sees the same differences, changes nothing, and its password is not told."""
    pair.change(pair.prod, CHANGE)
    before = dump(pair.prod)
    found = schemata.json("parity", "--url", make_role(pair.prod), "--against", make_role(pair.staging), code=1)
    assert found["targets"][0]["counts"]["app"] == COUNTS
    assert dump(pair.prod) == before
    assert "it's" not in json.dumps(found)


def test_a_history_that_may_not_be_read(
    schemata: CommandLine, migrated: Project, make_role: Callable[..., str]
) -> None:
    """All migrations are expected then, and that is said."""
    found = schemata.json("parity", "--url", make_role(migrated.url))
    assert "may not read the history" in found["targets"][0]["notes"][0]


def test_what_counts(schemata: CommandLine, pair: Pair) -> None:
    """All differences are shown; those of the named classes decide the exit code."""
    pair.change(pair.prod, "COMMENT ON TABLE app.users IS 'Persons'")
    assert schemata(*AGAINST_STAGING).returncode == 1
    ended = schemata(*AGAINST_STAGING, "--severity", "structure,access")
    assert ended.returncode == 0
    assert "comment: People -> Persons" in ended.stdout
    assert "for the exit code count: structure, access" in ended.stdout
    says = ("'structur' is not one of", "Did you mean structure?")
    schemata.refused(*AGAINST_STAGING, "--severity", "structur", code=2, says=says)


def test_chosen_schemas(schemata: CommandLine, project: Project, pair: Pair, tmp_path: Path) -> None:
    """Only they are compared; what was not read is named; --all-schemas reads every one."""
    pair.change(pair.prod, "CREATE SCHEMA audit; CREATE TABLE audit.log (id int)")
    ended = schemata(*AGAINST_STAGING)
    assert ended.returncode == 0
    assert "not read: audit, public" in ended.stdout
    assert subjects(schemata.json(*AGAINST_STAGING, "--schemas", "audit", code=1))["table audit.log"] == "extra"
    found = schemata.json(*AGAINST_STAGING, "--all-schemas", code=1)
    assert found["targets"][0]["not_read"] == []
    assert subjects(found)["table audit.log"] == "extra"
    says = ("there is no schema audti in what is compared", "Did you mean audit?")
    schemata.refused(*AGAINST_STAGING, "--schemas", "app,audti", code=2, says=says)
    # One of the settings may come with a migration that is pending on both sides.
    project.schemas = ("app", "later")
    project.configure(TARGETS)
    assert "On neither side there is a schema later" in schemata(*AGAINST_STAGING, "--schemas", "app,later").stdout
    # A file holds more than is asked for.
    schemata("snapshot", "--target", "prod", "--all-schemas", "--out", str(tmp_path / "prod.json"))
    assert schemata("parity", "--targets", "staging", "--against", str(tmp_path / "prod.json")).returncode == 0


def test_both_definitions_side_by_side(schemata: CommandLine, pair: Pair) -> None:
    """In full, with every word that differs marked."""
    pair.change(pair.prod, "CREATE OR REPLACE VIEW app.totals AS SELECT user_id, max(total) AS total FROM app.orders"
                " WHERE total > 1 GROUP BY user_id")  # fmt: skip
    ended = schemata(*AGAINST_STAGING, "--full", NO_COLOR="1", COLUMNS="100")
    # Until PostgreSQL 15 a view's columns are printed with their table.
    shown = ended.stdout.replace("orders.", "")
    assert re.search(r"\[-sum-\]\(total\) AS total +\| +\{\+max\+\}\(total\) AS total", shown)
    assert "{+WHERE (total > (1)::numeric)+}" in shown


def _screen(project: Project, columns: int, *arguments: str, **environment: str) -> str:
    """Run a command on a terminal of that width and return what is on it at the end."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=project.root, env=project.env(TERM="xterm", **environment), stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    screen = b""
    # The end of a terminal is an error on Linux.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 4096):
            screen += part
    os.close(ours)
    process.wait(timeout=60)
    return screen.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("flags", [(), ("--full",), ("--targets", "staging,prod,away")])
def test_a_terminal_of_a_hundred_columns(project: Project, pair: Pair, flags: tuple[str, ...]) -> None:
    """Nothing is wider, with colour and without; without, there is not one escape sequence."""
    pair.change(pair.prod, CHANGE)
    arguments = ("parity", *(flags if "--targets" in flags else ("--targets", "prod", *flags)), "--against", "staging")
    arguments += ("--ignore", "table:app.tmp_*", "--ignore", "enum:app.mood")
    plain = _screen(project, 100, *arguments, NO_COLOR="1")
    assert "idx_users_created_at" in plain
    assert "\x1b" not in plain
    assert max(map(len, plain.split("\n"))) <= 100
    coloured = _screen(project, 100, *arguments)
    assert "\x1b[31m" in coloured
    shown = re.sub(r"\x1b\[\d+m", "", coloured)
    assert max(map(len, shown.split("\n"))) <= 100


def test_what_is_not_compared_is_one_line(schemata: CommandLine, pair: Pair) -> None:
    """It stands before the verdict in short, with --full as the whole list, and not where nothing was compared."""
    found = schemata.json(*AGAINST_STAGING)["not_compared"]
    told = schemata(*AGAINST_STAGING, COLUMNS="200").stdout.rstrip("\n").split("\n")
    assert told[-2].startswith("Not compared: rows; ")
    assert told[-2].endswith(f"(inv parity --full lists all {len(found)}).")
    assert told[-1] == "Parity: no difference."
    whole = schemata(*AGAINST_STAGING, "--full", COLUMNS="4000").stdout
    assert all(row["what"] in whole for row in found)
    assert "Not compared" not in schemata("parity", "--targets", "away", "--against", "staging").stdout


def test_a_rename_is_suggested(schemata: CommandLine, pair: Pair) -> None:
    """As a question beside the two differences that it would explain."""
    pair.change(pair.prod, "ALTER TABLE app.orders RENAME COLUMN note TO remark")
    found = schemata.json(*AGAINST_STAGING, code=1)
    assert found["targets"][0]["renames"] == [
        {"kind": "column", "expected": "column app.orders.note", "actual": "column app.orders.remark"}
    ]
    assert "extra and alike: renamed?" in schemata(*AGAINST_STAGING).stdout


RULES = """
    [[tool.schemata.ignore]]
    kind = "table"
    name = "tmp_*"
    target = "prod"
    reason = "left by the nightly import"
    until = 2999-12-31

    [[tool.schemata.ignore]]
    name = "users"
    fact = "comment"
    reason = "edited by hand"
    until = 2020-01-01

    [[tool.schemata.ignore]]
    kind = "enum"
    reason = "nothing fits this"
"""


def test_rules_of_the_settings(schemata: CommandLine, project: Project, pair: Pair) -> None:
    """What they hid is counted; an expired one ignores nothing; one that hides nothing is said."""
    text = (project.root / "pyproject.toml").read_text()
    (project.root / "pyproject.toml").write_text(text + "\n".join(line.strip() for line in RULES.split("\n")))
    pair.change(pair.prod, "CREATE TABLE app.tmp_import (id int); COMMENT ON TABLE app.users IS 'Persons'")
    found = schemata.json(*AGAINST_STAGING, code=1)
    assert subjects(found) == {"table app.users": "changed"}
    assert found["targets"][0]["ignored"][0]["reason"] == "left by the nightly import"
    assert [(rule["state"], rule["hid"]) for rule in found["ignore"]] == [
        ("in use", 1), ("expired", 1), ("hides nothing", 0),
    ]  # fmt: skip
    told = schemata(*AGAINST_STAGING).stdout
    assert "table *.tmp_* on prod (left by the nightly import, until 2999-12-31): hid 1 difference" in told
    assert "expired, it ignores nothing any more (it would hide 1 difference)" in told
    assert "(nothing fits this): hid nothing of what was compared; remove it if that is so for every target" in told
    # The rule for prod is none for staging.
    pair.change(pair.staging, "CREATE TABLE app.tmp_import (id int)")
    pair.change(pair.prod, "DROP TABLE app.tmp_import")
    found = schemata.json("parity", "--targets", "staging", "--against", "prod", code=1)
    assert subjects(found, "staging")["table app.tmp_import"] == "extra"


def test_rules_are_for_parity_alone(schemata: CommandLine, migrated: Project) -> None:
    """Status and smoke stay red for what a rule hides, and say that they do, and what ends it."""
    migrated.configure('[[tool.schemata.ignore]]\nkind = "table"\nname = "tmp_*"\nreason = "an import"')
    with psycopg.connect(migrated.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE app.tmp_1 ()")
    assert schemata("parity").returncode == 0
    for command in ("migrate-status", "smoke"):
        ended = schemata(command, COLUMNS="1000")
        assert ended.returncode == 1
        assert "[[tool.schemata.ignore]] are for inv parity alone" in ended.stdout
        assert "inv drift-accept" in ended.stdout


def test_rules_of_the_command_line(schemata: CommandLine, pair: Pair) -> None:
    """Several may be given; what they hide does not count; an unknown kind is refused."""
    pair.change(pair.prod, "CREATE TABLE app.tmp_import (id int); COMMENT ON TABLE app.users IS 'Persons'")
    assert schemata(*AGAINST_STAGING, "--ignore", "table:app.tmp_*").returncode == 1
    flags = ("--ignore", "table:app.tmp_*", "--ignore", "table:app.users")
    ended = schemata(*AGAINST_STAGING, *flags)
    assert ended.returncode == 0
    assert "table app.tmp_* (--ignore): hid 1 difference" in ended.stdout
    says = ("'tabel'", "Did you mean table?")
    schemata.refused(*AGAINST_STAGING, "--ignore", "tabel:app.x", code=2, says=says)


def test_accepted_drift(schemata: CommandLine, migrated: Project) -> None:
    """What somebody accepted is listed with name and reason and does not count, until the schema is changed again."""
    with psycopg.connect(migrated.url, autocommit=True) as connection:
        connection.execute("DROP INDEX app.idx_users_created_at")
        assert schemata("parity").returncode == 1
        accept = ("drift-accept", "--reason", "too slow to write", "--by", "dba")
        assert schemata(*accept).returncode == 0
        found = schemata.json("parity")
        assert [one["subject"] for one in found["targets"][0]["ignored"]] == ["index app.users.idx_users_created_at"]
        assert found["ignore"][0]["state"] == "in use"
        told = schemata("parity").stdout
        assert "drift that dba accepted at 20" in told
        assert ": too slow to write): hid 1 difference" in told
        connection.execute("COMMENT ON TABLE app.users IS 'Persons'")
    found = schemata.json("parity", code=1)
    assert sorted(one["subject"] for one in found["targets"][0]["differences"]) == [
        "index app.users.idx_users_created_at", "table app.users",
    ]  # fmt: skip


@contextlib.contextmanager
def ddl(url: str, sql: str) -> Iterator[psycopg.Connection]:
    """Hold the locks of DDL that is not committed."""
    with psycopg.connect(url) as connection:
        connection.execute(sql)
        yield connection
        connection.rollback()


def test_ddl_that_holds_a_lock(schemata: CommandLine, pair: Pair) -> None:
    """After the wait that was asked for, who holds the lock is named; the target was not asked."""
    with ddl(pair.prod, "ALTER TABLE app.orders ADD COLUMN late int; DROP VIEW app.totals") as holder:
        ended = schemata(*AGAINST_STAGING, "--lock-wait", "500ms")
        assert ended.returncode == 3
        assert "could not be read within 0.5 s" in ended.stdout
        assert f"backend {holder.info.backend_pid}" in ended.stdout
        assert "--lock-wait 1min" in ended.stdout
    assert schemata(*AGAINST_STAGING).returncode == 0


def test_targets_are_read_at_the_same_time(schemata: CommandLine, pair: Pair, admin: psycopg.Connection) -> None:
    """Both reads wait for a lock at the same moment: neither waits for the other."""
    waiting = "SELECT count(DISTINCT datname) FROM pg_stat_activity WHERE application_name = 'schemata'"
    waiting += " AND wait_event_type = 'Lock' AND datname = ANY(%s)"
    names = [str(urls.database_of(url)) for url in (pair.staging, pair.prod)]
    both: list[bool] = []

    def release(*holders: psycopg.Connection) -> None:
        try:
            patience.until(lambda: admin.execute(waiting, [names]).fetchone() == (2,), "both wait")
            both.append(True)
        finally:
            for holder in holders:
                holder.rollback()

    sql = "DROP VIEW app.totals"
    with ddl(pair.staging, sql) as one, ddl(pair.prod, sql) as other:
        watcher = threading.Thread(target=release, args=(one, other))
        watcher.start()
        ended = schemata(*AGAINST_STAGING, "--lock-wait", "5min")
        watcher.join()
    assert both == [True]
    assert ended.returncode == 0


def test_wrong_sides(schemata: CommandLine, project: Project, pair: Pair, tmp_path: Path) -> None:
    """What is neither a target nor a URL nor a snapshot is refused before anything is asked."""
    schemata.refused("parity", "--targets", "prod,stagin", code=2, says=("no target stagin", "Did you mean staging?"))
    schemata.refused("parity", "--against", "stagin", code=2, says=("no target stagin", "Did you mean staging?"))
    schemata.refused("parity", "--url", pair.prod, "--targets", "prod", code=2, says=("exclude each other",))
    for url in ("foo", "http://x/y"):
        schemata.refused(
            "parity", "--url", url, code=2, says=(f"'{url}' (--url) is not a PostgreSQL URL", "postgresql")
        )
    schemata.refused(
        "parity", "--against", "nothing.json", code=2, says=("nothing.json", "No such file", "inv snapshot")
    )
    text = schemata.refused("parity", "--against", f"mysql://u:{SECRET}@h/d", code=2, says=("is not a PostgreSQL URL",))
    assert SECRET not in text
    (tmp_path / "other.json").write_text('{"format": "schemata snapshot 0"}')
    says = ("other.json cannot be compared with", "its format is")
    schemata.refused("parity", "--against", str(tmp_path / "other.json"), code=2, says=says)


@pytest.mark.parametrize("flag", ["--html", "--metrics"])
def test_a_file_that_cannot_be_written(schemata: CommandLine, pair: Pair, tmp_path: Path, flag: str) -> None:
    """It is said with the flag, as an error of the command line."""
    schemata.refused(*AGAINST_STAGING, flag, str(tmp_path), code=2, says=("cannot be written", f"another {flag} file"))


def test_metrics_are_what_the_json_says(schemata: CommandLine, pair: Pair, tmp_path: Path) -> None:
    """Each count by target, schema and class; the target that is not there has none."""
    pair.change(pair.prod, CHANGE)
    file = tmp_path / "parity.prom"
    flags = ("parity", "--targets", "prod,away", "--against", "staging", "--metrics", str(file))
    found = schemata.json(*flags, code=3)
    text = file.read_text()
    for severity, count in found["targets"][0]["counts"]["app"].items():
        assert f'schemata_parity_differences{{target="prod",schema="app",severity="{severity}"}} {count}\n' in text
    assert 'schemata_parity_asked{target="away"} 0\n' in text
    assert f'schemata_parity_checked_timestamp_seconds{{target="prod"}} {found["checked_at"]}\n' in text
