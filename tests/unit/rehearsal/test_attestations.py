"""The file of attestations: what is written is read, whatever a merge did to it."""

import dataclasses
from pathlib import Path

import pytest

from schemata.attestations import attestation, stored
from schemata.migrations import migration

ONE = attestation.Attestation(
    "app.20260101000000.one",
    "a" * 64,
    "b" * 64,
    18,
    {"rollback": "proved", "rehearsal": "ok"},
    0.012,
    "2026-01-01T00:00:00Z",
)
OTHER = dataclasses.replace(ONE, id="app.20260102000000.other", rollback="", reason="nobody writes at night")


def _item(**changes: str) -> migration.Migration:
    facts = {
        "id": ONE.id,
        "schema": "app",
        "timestamp": "20260101000000",
        "slug": "one",
        "path": "one.sql",
        "sql": "SELECT 1",
        "checksum": ONE.checksum,
    }
    return migration.Migration(**{**facts, **changes}, directives=migration.Directives(irreversible="no"))  # type: ignore[arg-type]


def test_what_is_written_is_read() -> None:
    """Every field survives, in the order of the ids."""
    text = attestation.text([OTHER, ONE])
    assert list(attestation.parse(text).values()) == [ONE, OTHER]
    assert attestation.text(attestation.parse(text).values()) == text


def test_both_sides_of_a_merge_conflict_are_read() -> None:
    """Lines of both branches count; of two about the same migration the later one does."""
    later = dataclasses.replace(ONE, slots={"rollback": "proved", "rehearsal": "warnings"}, at="2026-02-01T00:00:00Z")
    first, _, line, *_ = attestation.text([ONE]).splitlines()
    newer = attestation.text([later, OTHER]).splitlines()[2:]
    text = "\n".join([first, "", "<<<<<<< ours", *newer, "=======", line, ">>>>>>> theirs"])
    assert list(attestation.parse(text).values()) == [later, OTHER]


@pytest.mark.parametrize("text", ["", "something else\n", "schemata attestations 1\n\nno such line\n"])
def test_what_is_none_of_it_is_refused(text: str) -> None:
    """A damaged file is never taken for one that proves nothing."""
    with pytest.raises(attestation.Damaged):
        attestation.parse(text)


def test_an_edit_ends_an_attestation() -> None:
    """It is bound to the checksums of both files."""
    known = dataclasses.replace(ONE, rollback="")
    assert attestation.lacking(_item(), known, 18) == ()
    assert attestation.lacking(_item(checksum="c" * 64), known, 18) == ("it was edited after it was attested",)
    assert attestation.lacking(_item(), ONE, 18) == ("its rollback was edited after it was attested",)
    assert attestation.lacking(_item(), None, 18) == ("nothing is attested for PostgreSQL 18",)


@pytest.mark.parametrize(("slot", "verdict"), [("rehearsal", "errors"), ("rehearsal", "-"), ("lint", "errors")])
def test_a_verdict_that_is_bad_is_lacking(slot: str, verdict: str) -> None:
    """What was looked at and found wrong is no proof."""
    known = dataclasses.replace(ONE, rollback="", slots={"rehearsal": "ok", slot: verdict})
    assert len(attestation.lacking(_item(), known, 18)) == 1


def test_what_is_proved_again_changes_nothing(tmp_path: Path) -> None:
    """The file stays as it is, byte by byte; what another proof has said of the same files is kept."""

    folder = tmp_path
    assert stored.add(folder, [ONE], [ONE.id])
    before = stored.path_in(folder).read_bytes()
    assert not stored.add(folder, [dataclasses.replace(ONE, at="2027-01-01T00:00:00Z", seconds=9.0)], [ONE.id])
    assert stored.path_in(folder).read_bytes() == before
    assert stored.add(folder, [dataclasses.replace(ONE, slots={"lint": "ok"})], [ONE.id])
    assert stored.read(folder)[ONE.id, 18].slots == {"lint": "ok", "rehearsal": "ok", "rollback": "proved"}
    assert stored.add(folder, [], [])
    assert stored.read(folder) == {}
