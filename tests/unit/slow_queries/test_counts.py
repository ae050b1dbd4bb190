"""What is new since the last look, whatever happened to the server's counts in between."""

import json

import pytest

from schemata.slow_queries import counts


def entry(key: str, calls: int, since: str = "") -> counts.Entry:
    """Return an entry whose calls took two milliseconds each."""
    return counts.Entry(key, key, "app", f"SELECT {key}", counts.Counts(calls, 2.0 * calls, calls, calls, 0, 0), since)


def look(*entries: counts.Entry, reset: str = "r1", started: str = "s1") -> counts.Look:
    """Return a look of one moment."""
    return counts.Look("now", reset, started, 0, entries)


def calls(found: tuple[counts.Entry, ...]) -> dict[str, int]:
    """Return the calls by key."""
    return {one.key: one.counts.calls for one in found}


def test_the_first_look_shows_everything() -> None:
    """There is nothing to compare with."""
    assert calls(counts.since(look(entry("a", 3), entry("b", 0)), None)) == {"a": 3}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param(look(entry("a", 15), entry("b", 4), entry("c", 1)), {"a": 5, "c": 1}, id="more calls"),
        pytest.param(look(entry("a", 15), entry("b", 4), started="s2"), {"a": 5}, id="restarted in order"),
        pytest.param(look(entry("a", 15), entry("b", 9), reset="r2"), {"a": 15, "b": 9}, id="all reset"),
        pytest.param(look(entry("a", 3), entry("b", 9), started="s2"), {"a": 3, "b": 9}, id="crashed, counts lost"),
        pytest.param(look(entry("a", 3), entry("b", 6)), {"a": 3, "b": 2}, id="one reset, which shows in its calls"),
        pytest.param(look(entry("a", 15, since="t2"), entry("b", 4)), {"a": 15}, id="one reset, which the server says"),
        pytest.param(look(entry("b", 5)), {"b": 1}, id="one thrown out"),
    ],
)
def test_what_is_new(later: counts.Look, expected: dict[str, int]) -> None:
    """Counted on from the last look, or from nothing where the counts began again."""
    before = counts.restored(json.loads(json.dumps(counts.kept(counts.mark(look(entry("a", 10), entry("b", 4)))))))
    found = counts.since(later, before)
    assert calls(found) == expected
    assert all(one.counts.total == 2.0 * one.counts.calls for one in found)


@pytest.mark.parametrize(
    "document", [{}, {"at": "x"}, {"at": "", "reset": "", "started": "", "counts": [], "since": {}}]
)
def test_a_damaged_mark_is_none(document: dict[str, object]) -> None:
    """The file is of another version, or was edited."""
    with pytest.raises(ValueError, match="Error"):
        counts.restored(document)


def test_columns_of_old_and_new_versions() -> None:
    """Extension 1.8 renamed total_time; 1.9 has toplevel, 1.11 stats_since."""
    row = {
        "userid": 10, "queryid": 7, "role": "app", "query": "SELECT 1", "calls": 2, "total_time": 3.5, "rows": 2,
        "shared_blks_hit": 4, "shared_blks_read": 1, "temp_blks_written": 0,
    }  # fmt: skip
    old = counts.entry(row)
    assert (old.counts.total, old.counts.mean, old.counts.buffers_a_call) == (3.5, 1.75, 2.5)
    new = counts.entry({**row, "total_exec_time": 4.0, "toplevel": False, "stats_since": "t"})
    assert (new.counts.total, new.since, new.key == old.key) == (4.0, "t", False)
