"""status: every finding about a set of files and a history, as a table of cases."""

import dataclasses
import json
from typing import Any

import pytest

from schemata import errors
from schemata.history import comparison, recorded
from schemata.migrations import checksums, migration
from schemata.postgres import lock_holder
from tests.unit import cases

A = "app.20250101000000.a"
B = "app.20250102000000.b"
C = "other.20250103000000.c"
X = "app.20250101120000.x"  # between A and B
NEW = "app.20260101000000.new"  # after all of them
RANGE = "20250103000000..20260101000000"


def made(id_: str, sql: str = "SELECT 1;\n", title: str = "") -> migration.Migration:
    """Return a migration file with this content."""
    schema, timestamp, slug = migration.parse_id(id_)
    directives = migration.Directives(title=title)
    return migration.Migration(id_, schema, timestamp, slug, f"{id_}.sql", sql, checksums.checksum(sql), directives)


def record(id_: str, sql: str = "SELECT 1;\n", **other: Any) -> recorded.Record:
    """Return the row of an applied migration."""
    fields = {
        "applied_at": "2025-06-01T00:00:00Z",
        "checksum": checksums.checksum(sql),
        "state": "applied",
        "attempt": 1,
    }
    return recorded.Record(id=id_, duration_ms=1.0, **(fields | other))


def attempt(id_: str, **other: Any) -> recorded.OpenAttempt:
    """Return a try at a non-transactional migration that did not end well."""
    fields: dict[str, Any] = {
        "attempt": 1, "state": "interrupted", "direction": "apply", "checksum": "", "statement_count": 3,
        "statements_done": 1, "started_at": "2025-06-01T00:00:00Z", "host": "ci-7", "sqlstate": "", "line": 0,
        "message": "", "structure_before": {}, "sql": "",
    }  # fmt: skip
    return recorded.OpenAttempt(id=id_, **(fields | other))


def history(records: list[recorded.Record], **other: Any) -> recorded.Recorded:
    """Return a history of these rows whose summing row is true."""
    whole = recorded.Recorded(present=True, records=tuple(records))
    head = recorded.Head(whole.digest(), len(records), recorded.last_id(whole.ids()))
    return dataclasses.replace(whole, **({"head": head} | other))


def headed(records: list[recorded.Record], structure: dict[str, str]) -> recorded.Recorded:
    """Return a history that remembers a structure."""
    whole = history(records)
    return dataclasses.replace(whole, head=dataclasses.replace(whole.head, structure=structure))


FILES = [made(A), made(B), made(C)]
ALL = [record(A), record(B), record(C)]
HOLDER = lock_holder.Holder(7, application="schemata ci-7 42 20250814T221815Z")
INVALID = ("app", "idx", "t", True, None, None)

#: Name, files, history, what else is given; (code, subject, exit code) of each finding; the states of the rows.
CASES: list[tuple[Any, ...]] = [
    ("no change", FILES, history(ALL), {}, [], "applied applied applied"),
    ("nothing at all", [], recorded.ABSENT, {}, [], ""),
    ("a database that was never migrated", FILES, recorded.ABSENT, {},
     [("pending", A, 4), ("pending", B, 4), ("pending", C, 4)], "pending pending pending"),
    ("an empty history", FILES[:1], history([]), {}, [("pending", A, 4)], "pending"),
    ("one pending", FILES, history(ALL[:2]), {}, [("pending", C, 4)], "applied applied pending"),
    ("out of order", [made(A), made(X), made(B)], history([record(A), record(B)]), {},
     [("out-of-order", X, 1)], "applied out-of-order applied"),
    ("out of order, allowed", [made(A), made(X), made(B)], history([record(A), record(B)]), {"out_of_order": "allow"},
     [("pending", X, 4)], "applied pending applied"),
    ("out of order and pending", [made(A), made(X), made(B), made(C)], history([record(A), record(B)]), {},
     [("out-of-order", X, 1), ("pending", C, 4)], "applied out-of-order applied pending"),
    ("edited", [made(A, "SELECT 2;\n"), *FILES[1:]], history(ALL), {}, [("changed", A, 1)], "changed applied applied"),
    ("edited, with the applied text", [made(A, "SELECT 2;\n")], history(ALL[:1]),
     {"applied_sql": {A: "SELECT 1;\n"}}, [("changed", A, 1)], "changed"),
    ("a comment edited", [made(A, "-- why\nSELECT 1;\n")], history(ALL[:1]), {"applied_sql": {A: "SELECT 1;\n"}},
     [("reformatted", A, 0)], "reformatted"),
    ("recorded by another tool", FILES[:1], history([record(A, checksum="", state="")]), {},
     [("unverified", A, 0)], "unverified"),
    ("baselined", FILES[:1], history([record(A, state="baselined")]), {}, [], "baselined"),
    ("a file is gone", [made(A), made(C)], history(ALL), {}, [("missing", B, 1)], "applied applied missing"),
    ("all files are gone", [], history(ALL[:1]), {}, [("ahead", A, 1)], "ahead"),
    ("an older build", FILES, history([*ALL, record(NEW)]), {}, [("ahead", NEW, 1)], "applied applied applied ahead"),
    ("an older build that accepts it", FILES, history([*ALL, record(NEW)]), {"accepts": RANGE},
     [("ahead", NEW, 0)], "applied applied applied ahead"),
    ("an older build whose range ends before", FILES, history([*ALL, record(NEW)]),
     {"accepts": "..20251231000000"}, [("ahead", NEW, 1)], "applied applied applied ahead"),
    ("a file that the newer release did not have", FILES, history([*ALL[:2], record(NEW)]), {},
     [("ahead", NEW, 1), ("out-of-order", C, 1)], "applied applied out-of-order ahead"),
    ("ahead, missing and edited at once", [made(A, "SELECT 2;\n"), made(C)], history([*ALL, record(NEW)]), {},
     [("changed", A, 1), ("missing", B, 1), ("ahead", NEW, 1)], "changed applied missing ahead"),
    ("an id of a foreign form", FILES[:1], history([ALL[0], record("0001_init")]), {},
     [("missing", "0001_init", 1)], "applied missing"),
    ("interrupted", FILES[:1], history([], open_attempts=(attempt(A),)), {},
     [("interrupted", A, 1), ("pending", A, 4)], "interrupted"),
    ("failed", FILES[:1], history([], open_attempts=(attempt(A, state="failed", message="no room"),)), {},
     [("failed", A, 1), ("pending", A, 4)], "failed"),
    ("running, under the lock", FILES[:1], history([], open_attempts=(attempt(A, state="running", backend_pid=7),)),
     {"holders": (HOLDER,)}, [("running", A, 0), ("pending", A, 4), ("lock", "7", 0)], "running"),
    ("said to be running, by nobody", FILES[:1], history([], open_attempts=(attempt(A, state="running"),)), {},
     [("interrupted", A, 1), ("pending", A, 4)], "interrupted"),
    ("an old try of what is applied since", FILES[:1], history(ALL[:1], open_attempts=(attempt(A),)), {}, [],
     "applied"),
    ("an interrupted rollback", FILES[:1], history(ALL[:1], open_attempts=(attempt(A, direction="rollback"),)), {},
     [("interrupted", A, 1)], "interrupted"),
    ("an interrupted rollback that is over", FILES[:1], history([], open_attempts=(attempt(A, direction="rollback"),)),
     {}, [("pending", A, 4)], "pending"),
    ("an invalid index", FILES[:1], history(ALL[:1]), {"invalid_indexes": (INVALID,)},
     [("invalid-index", "app.idx", 1)], "applied"),
    ("an index that is being built", FILES[:1], history(ALL[:1]),
     {"invalid_indexes": (("app", "idx", "t", False, 9, "building index"),)}, [("building", "app.idx", 0)], "applied"),
    ("a constraint that is not valid", FILES[:1], history(ALL[:1]), {"unvalidated": (("app", "t", "c"),)},
     [("unvalidated", "app.t.c", 0)], "applied"),
    ("the lock is held", FILES[:1], history(ALL[:1]), {"holders": (HOLDER,)}, [("lock", "7", 0)], "applied"),
    ("yoyo's lock is held", FILES[:1], history(ALL[:1], yoyo_lock_pid=5), {}, [("yoyo-lock", "5", 0)], "applied"),
    ("the summing row is wrong", FILES[:1], history(ALL[:1], head=recorded.Head("f" * 64, 9, A)), {},
     [("head", "head", 0)], "applied"),
]  # fmt: skip


def compare(files: list[migration.Migration], found: recorded.Recorded, given: dict[str, Any]) -> comparison.Comparison:
    """Return the comparison; texts without their comments stand for the parser's fingerprint."""
    settings = {key: given[key] for key in ("accepts", "out_of_order") if key in given}
    seen = {key: value for key, value in given.items() if key not in settings}
    return comparison.compare(
        files,
        found,
        seen=comparison.Observed(**seen),
        same_meaning=lambda one, other: _without_comments(one) == _without_comments(other),
        **settings,
    )


def _without_comments(sql: str) -> list[str]:
    return [line for line in sql.splitlines() if not line.startswith("--")]


@cases.named(("files", "found", "given", "findings", "states"), CASES)
def test_compare(
    files: list[migration.Migration],
    found: recorded.Recorded,
    given: dict[str, Any],
    findings: list[tuple[str, str, int]],
    states: str,
) -> None:
    """Every finding is told with its exit code, none hides another, and each migration has one state."""
    compared = compare(files, found, given)
    assert [(one.code, one.subject, one.exit_code) for one in compared.findings] == findings
    assert " ".join(row.state for row in compared.rows) == states
    assert [item.id for item in compared.pending] == [item.id for item in files if item.id not in found.ids()]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_whoever_must_act_is_told_how(case: tuple[Any, ...]) -> None:
    """A finding that asks for anything says what to type."""
    _, files, found, given, _, _ = case
    for finding in compare(files, found, given).findings:
        assert finding.text
        assert finding.remedy or finding.exit_code == errors.DONE, finding


def test_the_revisions() -> None:
    """A revision is the id with the latest time, of the build and of the database."""
    compared = compare(FILES, history([*ALL, record(NEW)]), {})
    assert (compared.revision, compared.database_revision) == (C, NEW)
    assert compare([], recorded.ABSENT, {}).revision == ""


def test_an_edit_is_shown_as_a_diff() -> None:
    """The diff is of what ran against the file, and marks a missing final newline."""
    compared = compare([made(A, "SELECT 2;")], history(ALL[:1]), {"applied_sql": {A: "SELECT 1;\n"}})
    assert compared.findings[0].detail.splitlines() == [
        f"--- applied/{A}.sql",
        f"+++ file/{A}.sql",
        "@@ -1 +1 @@",
        "-SELECT 1;",
        "+SELECT 2;",
        "\\ no newline at the end",
    ]
    assert comparison.edited([made(A, "x"), made(B)], history(ALL[:2])) == (A,)


def test_an_unaccepted_revision_names_the_range_to_accept() -> None:
    """The remedy of `ahead` can be pasted, and then it is accepted."""
    found = history([*ALL, record(NEW)])
    remedy = compare(FILES, found, {}).of("ahead")[0].remedy
    assert f'accepts = "{RANGE}"' in remedy
    assert compare(FILES, found, {"accepts": RANGE}).of("ahead")[0].exit_code == errors.DONE


def test_the_history_is_read_from_its_document() -> None:
    """The JSON that the query answers becomes the history, NULLs included."""
    document = {
        "head": [checksums.of([(A, "")]), 1, None, None, None, None],
        "records": [[A, None, None, None, None, None]],
        "open": [[B, 3, "failed", "apply", "c", *[None] * 10]],
        "yoyo_lock": [9, "x"],
        "standby": True,
    }
    found = recorded.parse(json.dumps(document))
    assert found.head_agrees()
    assert found.records[0] == recorded.Record(A, "", "", "", 0, 0.0)
    assert (found.open_attempts[0].id, found.open_attempts[0].attempt) == (B, 3)
    assert (found.yoyo_lock_pid, found.standby, found.ids()) == (9, True, {A})
    empty = recorded.parse('{"head": null, "records": [], "open": [], "yoyo_lock": null, "standby": false}')
    assert empty == recorded.Recorded(present=True, heads=0)


@pytest.mark.parametrize(
    ("other", "changed"),
    [
        ({"checksum": FILES[0].checksum}, False),
        ({"checksum": "f" * 64}, True),
        ({"checksum": "f" * 64, "message": ""}, True),
        ({"checksum": "f" * 64, "state": "interrupted"}, True),
        ({"checksum": "f" * 64, "direction": "rollback"}, False),  # the text of a rollback is another one
    ],
)
def test_an_old_failure_of_another_text_is_told_as_such(other: dict[str, Any], changed: bool) -> None:
    """The old message is not about the file that has replaced the one that failed."""
    tried = attempt(A, **({"state": "failed", "message": "no room"} | other))
    applied = [record(A)] if tried.direction == "rollback" else []
    found = compare(FILES[:1], history(applied, open_attempts=(tried,)), {}).findings[0]
    assert found.subject == A
    assert ("the file has changed since that try" in found.text) is changed
    assert found.text.endswith("no room" if tried.message else "since that try")
