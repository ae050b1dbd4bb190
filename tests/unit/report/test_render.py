"""report: the same result for people and for programs."""

import io
import json

import pytest

from schemata import errors
from schemata.deploy import results as deployed
from schemata.history import comparison, recorded, status
from schemata.report import render, results
from tests.unit import cases
from tests.unit.history import test_comparison

PLAIN = render.Paint(io.StringIO(), {})
COLOUR = render.Paint(io.StringIO(), {"FORCE_COLOR": "1"})
TARGET = results.Target("postgresql://u:***@h/d", "DATABASE_URL", "d", "u", "18.6")


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@cases.named(
    ("stream", "environment", "on"),
    [
        ("a terminal", Terminal(), {}, True),
        ("a file", io.StringIO(), {}, False),
        ("a file, forced", io.StringIO(), {"FORCE_COLOR": "1"}, True),
        ("NO_COLOR wins", Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ("a dumb terminal", Terminal(), {"TERM": "dumb"}, False),
        ("a stream that is none", object(), {}, False),
    ],
)
def test_colour_is_for_terminals(stream: io.StringIO, environment: dict[str, str], on: bool) -> None:
    """Colour is used where it is seen, and where nobody objected."""
    assert render.Paint(stream, environment).on is on
    assert render.Paint(stream, environment)("x", "red") == ("\x1b[31mx\x1b[0m" if on else "x")


def test_a_table_fits_and_aligns() -> None:
    """Numbers stand to the right, the widest column gives way, and no line ends in spaces."""
    text = render.table(("id", "count", "ok"), [("x" * 300, 7, True), ("y", 10, None)], PLAIN)
    assert max(len(line) for line in text.split("\n")) == 100
    assert all(line == line.rstrip() for line in text.split("\n"))
    head, _, first, second = text.split("\n")
    assert first.startswith("xxx")
    assert "…" in first
    assert first.index("7") == second.index("10") + 1
    assert first.endswith("yes")
    assert head.split() == ["id", "count", "ok"]


def test_colour_takes_no_room() -> None:
    """The states are coloured, and without the codes the table is the same."""
    rows = [("a", "applied"), ("b", "FAILED")]
    coloured = render.table(("id", "state"), rows, COLOUR)
    assert "\x1b[32mapplied\x1b[0m" in coloured
    for code in ("\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == render.table(("id", "state"), rows, PLAIN)


def test_an_error_as_json() -> None:
    """A program gets what is so, what to type, and the exit code."""
    assert json.loads(render.error_as_json(errors.Busy("é", "later"))) == {
        "ok": False,
        "error": "é",
        "hint": "later",
        "exit_code": errors.BUSY,
    }


@cases.named(
    ("findings", "exit_code", "checked_exit_code", "ok"),
    [
        ("nothing", [], 0, 0, True),
        ("pending", [errors.PENDING], 0, 4, False),
        ("a note", [errors.DONE], 0, 0, True),
        ("a person is needed", [errors.DONE, errors.NEEDS_PERSON], 1, 1, False),
        ("pending and a person", [errors.PENDING, errors.NEEDS_PERSON], 1, 1, False),
    ],
)
def test_the_exit_code_of_a_status(findings: list[int], exit_code: int, checked_exit_code: int, ok: bool) -> None:
    """The worst finding wins; pending counts with --check only, and is never `ok`."""
    found = tuple(comparison.Finding("x", "app", "s", "t", "", code) for code in findings)
    compared = comparison.Comparison((), found, (), "", "")
    assert status.Status(TARGET, compared, ("app",)).exit_code == exit_code
    assert status.Status(TARGET, compared, ("app",), checked=True).exit_code == checked_exit_code
    assert status.Status(TARGET, compared, ("app",)).ok is ok


def compared(files: list[str], applied: list[str]) -> status.Status:
    """Return the status of files and applied ids."""
    history = test_comparison.history([test_comparison.record(id_) for id_ in applied])
    found = comparison.compare(
        [test_comparison.made(id_) for id_ in files],
        history,
        seen=comparison.Observed(),
        same_meaning=lambda one, other: one == other,
    )
    return status.Status(TARGET, found, ("app", "other"))


def test_a_status_for_people() -> None:
    """Each schema has a row, what is not applied is listed, each finding has its remedy, and a verdict ends it."""
    A, B, X = test_comparison.A, test_comparison.B, test_comparison.X  # noqa: N806 - as they are called there
    text = render.render(compared([A, B], [A]), PLAIN)
    assert text.startswith("Target: postgresql://u:***@h/d (DATABASE_URL, PostgreSQL 18.6)\n")
    assert text.endswith("1 pending; apply with: inv migrate")
    assert f"{B}  pending" in " ".join(text.split("\n"))
    assert render.render(compared([A], [A]), PLAIN).endswith(f"Up to date at {A}.")
    assert render.render(compared([], []), PLAIN).endswith("Up to date at no revision.")
    missing = render.render(compared([A, B], [A, B, X]), PLAIN)
    assert missing.endswith("1 finding(s) need action by a person.")
    assert f"missing: {X}: is applied" in missing
    assert max(len(line) for line in text.split("\n")) <= 100


def test_a_status_for_programs() -> None:
    """The JSON has the same rows and findings, with the keys that scripts rely on."""
    found = json.loads(render.as_json(compared([test_comparison.A, test_comparison.B], [test_comparison.A])))
    assert found["ok"] is False
    assert [row["state"] for row in found["migrations"]] == ["applied", "pending"]
    assert [finding["code"] for finding in found["findings"]] == ["pending"]
    assert {"target", "revision", "database_revision", "exit_code"} <= found.keys()
    assert found["target"]["url"] == TARGET.url


@cases.named(
    ("result", "words"),
    [
        ("nothing to do", deployed.Migrated(TARGET, "applied", revision="r"),
         "Nothing to do: no migration was applied; the database is at r (0.00 s)."),
        ("one applied", deployed.Migrated(TARGET, "applied", (deployed.Applied("app.1.a", "app", 2, 1, 0.5),)),
         "applied 1; the database is at no revision"),
        ("a dry run of nothing", deployed.Migrated(TARGET, "applied", dry_run=True), "Nothing to do."),
        ("a dry run", deployed.Migrated(TARGET, "rolled back", dry_run=True, planned=(
            {"id": "app.1.a", "mode": "transaction", "sql": "DROP TABLE a;\n",
             "destroys": ["drop table app.a: 3 rows"]},
        )), "-- drop table app.a: 3 rows\n\nDry run: 1 would be rolled back; nothing was changed."),
        ("a note", deployed.Migrated(TARGET, "applied", notes=("mind this",)), "mind this"),
    ],
)  # fmt: skip
def test_a_deploy_for_people(result: deployed.Migrated, words: str) -> None:
    """What was done, or would be, is said in one closing sentence."""
    assert words in render.render(result, PLAIN)
    json.loads(render.as_json(result))


def test_other_results() -> None:
    """A table has title, rows and notes; a sentence is itself; programs get the rows as objects."""
    result = results.Table("T", ("a", "b"), ((1, "x"),), ("note",), facts={"n": 1})
    assert render.render(result, PLAIN).split("\n") == ["T", "a  b", "-  -", "1  x", "note"]
    assert json.loads(render.as_json(result)) == {"ok": True, "n": 1, "rows": [{"a": 1, "b": "x"}], "notes": ["note"]}
    assert render.render(results.Table("T", ("a",), ()), PLAIN) == "T"
    assert render.render(results.Message("done", facts={"x": 2}), PLAIN) == "done"
    assert json.loads(render.as_json(results.Message("done", facts={"x": 2}))) == {"ok": True, "text": "done", "x": 2}


@pytest.mark.parametrize("name", ["NoSuch", "", "a.b"])
def test_a_record_of_a_foreign_form_has_no_time(name: str) -> None:
    """An id that another tool gave is shown as it is, and sorts first."""
    record = recorded.Record(name, "", "", "", 0, 0.0)
    assert record.timestamp == ""
    assert recorded.last_id([name, "app.20250101000000.a"]) == "app.20250101000000.a"
