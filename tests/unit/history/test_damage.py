"""What is said of a damaged history, and whose the objects of a database are, as tables of cases."""

import dataclasses
import json
from typing import Any

import pytest

from schemata.history import damage, existing, layout, recorded
from schemata.migrations import checksums
from tests.unit.history.test_comparison import A, B, attempt, history, made, record

ATTEMPT = ["applied", 10.0, checksums.checksum("SELECT 1;\n"), 1, 1.0, "2025-06-01T00:00:00Z"]


def _document(head: recorded.Head | None, gone: list[list[Any]], records: list[str] | None = None) -> str:
    checksum = checksums.checksum("SELECT 1;\n")
    return json.dumps(
        {
            "head": [head.digest, head.applied, head.last_id, None, None, None] if head else None,
            "heads": 1 if head else 0,
            "versions": 1,
            "records": [[id_, "2025-06-01T00:00:00Z", checksum, "applied", 1, 1.0] for id_ in records or []],
            "gone": gone,
            "open": [],
            "yoyo_lock": None,
            "standby": False,
        }
    )


HEAD = history([record(A), record(B)]).head
ONE = history([record(A)]).head
NOTHING = [None, None, None, None, None, None]

#: Head, rows, what attempts and log say of B; which are records, restored, lost, rolled back, whether there is a fault.
CASES = {
    "attempts and head prove it": (HEAD, [A], [B, *ATTEMPT, "apply", 11.0], ({A, B}, (B,), (), 0, False)),
    "attempts alone, and the head": (HEAD, [A], [B, *ATTEMPT, None, None], ({A, B}, (B,), (), 0, False)),
    "no head to prove it": (None, [A], [B, *ATTEMPT, "apply", 11.0], ({A}, (), (B,), 0, False)),
    "the head says otherwise": (ONE, [A], [B, *ATTEMPT, "apply", 11.0], ({A}, (), (B,), 0, False)),
    "the log alone": (HEAD, [A], [B, *NOTHING, "apply", 11.0], ({A}, (), (B,), 0, False)),
    "rolled back by us": (ONE, [A], [B, "undone", *ATTEMPT[1:], "rollback", 10.0], ({A}, (), (), 1, False)),
    "rolled back by yoyo": (HEAD, [A], [B, *ATTEMPT, "rollback", 11.0], ({A}, (), (), 1, False)),
    "unmarked, never tried by us": (HEAD, [A], [B, *NOTHING, "unmark", 11.0], ({A}, (), (), 1, False)),
    "applied again by yoyo": (ONE, [A], [B, "undone", *ATTEMPT[1:], "apply", 11.0], ({A}, (), (B,), 0, False)),
    "recorded nowhere but in the head": (HEAD, [A], None, ({A}, (), (), 0, True)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_lost_its_row_is_judged_by_what_is_left(name: str) -> None:
    """The later word counts, and only the head proves it."""
    head, rows, gone, expected = CASES[name]
    found = recorded.parse(_document(head, [gone] if gone else [], rows))
    assert (found.ids(), found.restored, found.lost, found.rolled_back, bool(found.faults)) == expected
    refused = bool(found.lost or found.faults)
    assert bool(damage.refusals(found, accepted=False)) == refused
    assert damage.refusals(found, accepted=True) == []
    assert bool(damage.findings(found, "schemata")) == bool(refused or found.restored)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({"digest": "zz"}, "had a digest of other migrations or checksums than the rows have; it has theirs now"),
        ({"applied": 3}, "counted 3 applied migrations; it counts 1 now, as the rows do"),
    ],
)
def test_a_summary_that_was_wrong_is_told_as_it_was(head: dict[str, Any], said: str) -> None:
    """A digest that differs is not told as a count that does not."""
    found = history([record(A)])
    found = dataclasses.replace(found, head=dataclasses.replace(found.head, **head))
    assert damage.repaired(found) == [f"the history was repaired: the summary (head) {said}"]


@pytest.mark.parametrize(
    ("found", "looks"),
    [
        (recorded.ABSENT, True),
        (history([]), True),
        (history([record(A)]), False),
        (dataclasses.replace(history([]), lost=(A,)), False),
        (history([], open_attempts=(attempt(A),)), False),
        (history([], open_attempts=(attempt(A, state="running", statements_done=0),)), False),
        (history([], open_attempts=(attempt(A, state="failed", statements_done=0),)), True),
        (history([], open_attempts=(attempt(A, state="failed", statements_done=1),)), False),
        (history([], open_attempts=(attempt(A, direction="rollback"),)), True),
    ],
)
def test_whose_the_objects_are(found: recorded.Recorded, looks: bool) -> None:
    """Only an attempt that may have made something makes the objects of an empty history ours."""
    sources = [made(A)]
    assert existing.schemas_to_look_at(found, sources, ["app", "billing"]) == (("app", "billing") if looks else ())
    assert existing.schemas_to_look_at(found, [], ["app"]) == ()


def test_many_lost_records_are_told_shortly() -> None:
    """The first of them by name, and how many more."""
    found = dataclasses.replace(history([]), lost=tuple(f"app.202501010000{number:02}.x" for number in range(25)))
    (line,) = damage.refusals(found, accepted=False)
    assert line.startswith("25 recorded as applied")
    assert line.endswith("and 15 more")


def test_a_whole_history_has_no_faults() -> None:
    """The tables as `create` makes them are those of the layout."""
    found = {
        name: layout.ActualTable(
            "r", {column: (wanted.type, bool(wanted.default)) for column, wanted in table.columns.items()}, (table.key,)
        )
        for name, table in layout.TABLES.items()
    }
    assert layout.faults(found, '"schemata"', ours=True) == ()
    assert {layout.source(name, found, '"schemata"') for name in found} == {f'"schemata".{name}' for name in found}


@pytest.mark.parametrize(
    ("sql", "named", "looks"),
    [
        ("SELECT 1;\n", "billing", True),
        ("CREATE TABLE billing.x ();\n", "billing", False),
        ('CREATE SCHEMA "billing";\n', "billing", False),
        ("CREATE TABLE app.billings ();\n", "billing", True),
        ("CREATE TABLE app.my_billing ();\n", "billing", True),
    ],
)
def test_a_schema_that_is_new_to_a_history(sql: str, named: str, looks: bool) -> None:
    """What a schema holds before its first migration is somebody else's, unless what is applied names the schema."""
    sources = [made(A, sql), made(f"{named}.20250601000000.first", "CREATE TABLE app.x ();\n")]
    found = history([record(A, sql)])
    assert existing.schemas_to_look_at(found, sources, ["app", named]) == ((named,) if looks else ())
    assert existing.schemas_to_look_at(found, sources[:1], ["app", named]) == ()
    begun = dataclasses.replace(found, open_attempts=(attempt(sources[1].id),))
    assert existing.schemas_to_look_at(begun, sources, ["app", named]) == ()
