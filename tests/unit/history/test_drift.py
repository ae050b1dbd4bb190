"""What a status says of drift: until a migration or a person accounts for it, and not a word more."""

import dataclasses

import pytest

from schemata.history import recorded
from schemata.history.drift import findings
from schemata.snapshot import fingerprints

FORM = {fingerprints.FORM: "1 18"}
LEFT = {**FORM, "": "d.d.d.d", "app": "a.a.a.a", "other": "o.o.o.o"}
CHANGED = {**LEFT, "app": "b.a.b.a"}
ROW = recorded.Drift("app", "a.a.a.a", "b.a.a.a", "2026-01-01T00:00:00Z", "app.20260101000000.x")
ACCEPTED = dataclasses.replace(ROW, accepted_at="2026-01-02T00:00:00Z", accepted_by="ann@db", reason="incident 12")


def history(*rows: recorded.Drift) -> recorded.Recorded:
    """Return a history whose last migrate left LEFT."""
    return recorded.Recorded(present=True, head=recorded.Head(structure=LEFT), drift=rows)


@pytest.mark.parametrize(
    ("rows", "actual", "expected", "codes"),
    [
        ((), LEFT, None, []),
        ((), LEFT, LEFT, []),
        ((), None, LEFT, []),
        ((), CHANGED, None, [("drift", "app", 1)]),
        ((), CHANGED, LEFT, [("drift", "app", 1)]),
        ((), {**LEFT, "": "d.e.d.d"}, None, [("drift", "database", 1)]),
        ((), {**LEFT, "app": "a.a.a.b"}, None, [("drift", "app", 1)]),  # a comment is what migrations make as well
        ((), {key: value for key, value in LEFT.items() if key != "app"}, None, [("drift", "app", 1)]),
        # What the last migrate left is not what the migrations make.
        ((), LEFT, CHANGED, [("drift", "app", 1)]),
        # Noticed before a later migration ran: open, as long as nobody knows what the migrations make.
        ((ROW,), LEFT, None, [("drift", "app", 1)]),
        ((ROW,), LEFT, LEFT, []),
        ((ACCEPTED,), LEFT, None, [("drift-accepted", "app", 0)]),
        # Accepted as it is now; anything further is drift again.
        ((dataclasses.replace(ACCEPTED, actual="b.a.b.a"),), CHANGED, LEFT, [("drift-accepted", "app", 0)]),
        ((ACCEPTED,), CHANGED, LEFT, [("drift", "app", 1)]),
        # Of another major version, or of another form: nothing can be told.
        ((), {**CHANGED, fingerprints.FORM: "1 17"}, None, []),
        ((), {**CHANGED, fingerprints.FORM: "2 18"}, None, []),
    ],
)
def test_findings(
    rows: tuple[recorded.Drift, ...],
    actual: dict[str, str] | None,
    expected: dict[str, str] | None,
    codes: list[tuple[str, str, int]],
) -> None:
    """Each schema that is not as it should be is a finding, with the exit code that it asks for."""
    found = findings.compare(history(*rows), actual, expected)
    assert [(one.code, one.subject, one.exit_code) for one in found] == codes
    assert all(one.remedy for one in found if one.exit_code)


def test_the_text_names_the_classes_and_the_measure() -> None:
    """Somebody who reads it knows what kind of change it is, and against what it was measured."""
    (one,) = findings.compare(history(), CHANGED, None)
    assert one.text.startswith("schema app (structure, performance) is not what the last migrate left")
    (one,) = findings.compare(history(), CHANGED, LEFT)
    assert "is not what the migrations make" in one.text
    (one,) = findings.compare(history(ROW), LEFT, None)
    assert "before app.20260101000000.x was applied (noticed 2026-01-01T00:00:00Z)" in one.text
    (one,) = findings.compare(history(ACCEPTED), LEFT, None)
    assert "ann@db accepted it at 2026-01-02T00:00:00Z: incident 12" in one.text
