"""A history as files with baselines see it."""

import pytest

from schemata.history import comparison, recorded
from schemata.history.squashed import findings, recognition
from tests.unit.migrations.test_replaced import B1, FIRST, ONE, SUM, TWO, item

LAST = item("app.20250101000009.x", "e")


def history(*rows: tuple[str, str], squashed: tuple[str, ...] = ()) -> recorded.Recorded:
    """Return a history with these (id, checksum)."""
    records = tuple(recorded.Record(id_, "2026-01-01T00:00:00Z", checksum, "applied", 1, 0.0) for id_, checksum in rows)
    noted = tuple(recorded.Record(id_, "", "b1", "baselined", 9, 0.0) for id_ in squashed)
    whole = recorded.Recorded(present=True, records=records, squashed=noted)
    return recorded.Recorded(present=True, records=records, squashed=noted, head=whole.sum())


BOTH = ((ONE, SUM["a"]), (TWO, SUM["b"]))


@pytest.mark.parametrize(
    ("seen", "pending", "codes"),
    [
        (history(), [B1, LAST.id], ["pending", "pending"]),
        (history(*BOTH), [LAST.id], ["pending", "squashed"]),
        (history(*BOTH, (LAST.id, "e")), [], ["squashed"]),
        (history(*BOTH, (LAST.id, "e"), squashed=(B1,)), [], []),
        (history((B1, "b1")), [LAST.id], ["pending"]),
        (history(BOTH[0]), [LAST.id], ["pending", "squash-behind"]),
        (history(BOTH[0], (TWO, SUM["c"])), [LAST.id], ["pending", "changed"]),
        (history(BOTH[0], (TWO, "")), [LAST.id], ["pending", "squashed"]),
        (history(BOTH[0], (TWO, SUM["c"]), squashed=(B1,)), [LAST.id], ["pending"]),
    ],
)
def test_what_a_comparison_says(seen: recorded.Recorded, pending: list[str], codes: list[str]) -> None:
    """Nothing that was replaced is missing or pending; a part of it is refused; another text needs a person."""
    files = [FIRST, LAST]
    recognised = recognition.recognise(files, seen)
    compared = comparison.compare(
        files,
        seen,
        seen=comparison.Observed(others=findings.findings(recognised)),
        same_meaning=lambda one, other: one == other,
    )
    assert [one.id for one in compared.pending] == pending
    assert [one.code for one in compared.findings] == codes


def test_the_head_is_of_what_ran() -> None:
    """A baseline that was only recorded counts as a row, and is no part of the digest."""
    seen = history(*BOTH, squashed=(B1,))
    assert seen.head_agrees()
    assert (seen.head.applied, seen.head.digest) == (3, history(*BOTH).head.digest)
