"""Which backups go, how much room one needs, and what a manifest has to be."""

import dataclasses
import datetime

import pytest

from schemata.backups import manifest, retention

NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)


def made(name: str, days: float, *, verified: bool = True, source: str = "db:5432/shop") -> manifest.Manifest:
    """Return a backup that was taken so many days ago."""
    level = manifest.RESTORE if verified else manifest.NONE
    return manifest.Manifest(
        name=name,
        source=source,
        database="shop",
        taken_at=(NOW - datetime.timedelta(days=days)).isoformat(),
        reason="a test",
        format="custom",
        size=1,
        sha256="0",
        server_version="18.1",
        client_version="18.1",
        schemas=("app",),
        all_schemas=True,
        history_schema="schemata",
        verification=manifest.Verification(level),
    )


@pytest.mark.parametrize(
    ("keep_last", "keep_days", "gone"),
    [(3, 0, []), (2, 0, ["c"]), (1, 0, ["b", "c"]), (1, 5, ["c"]), (1, 30, []), (10, 0, [])],
)
def test_neither_new_nor_young_goes(keep_last: int, keep_days: int, gone: list[str]) -> None:
    """A backup stays as one of the newest, or because it is young enough."""
    backups = [made("c", 9), made("a", 1), made("b", 3)]
    found = retention.superseded(backups, "db:5432/shop", NOW, keep_last=keep_last, keep_days=keep_days)
    assert [one.name for one in found] == gone


def test_the_newest_verified_one_stays_and_so_does_another_database() -> None:
    """However many newer ones there are that nobody verified."""
    backups = [made(f"n{day}", day, verified=False) for day in range(1, 5)]
    backups += [made("verified", 50), made("older", 60), made("other", 90, source="db:5432/bank")]
    found = retention.superseded(backups, "db:5432/shop", NOW, keep_last=1, keep_days=0)
    assert [one.name for one in found] == ["n2", "n3", "n4", "older"]


def test_room_is_asked_for_the_larger_of_both_estimates() -> None:
    """1.2 times the last backup, half of what is backed up."""
    assert retention.space_needed(1000, 100) == 1200
    assert retention.space_needed(0, 4000) == 2000


def test_a_manifest_comes_back_as_it_was() -> None:
    """Written and read it is the same value; damaged, cut or of another format it is refused by name."""
    one = dataclasses.replace(
        made("a", 1),
        fingerprints={"app.t": manifest.Fingerprint(3, "-12345678901234567890123")},
        extensions=(manifest.Extension("citext", "1.6", "public"),),
        outside=(manifest.Outside("app", "t", "t_fk", "ALTER TABLE app.t …"),),
    )
    text = one.to_json()
    assert manifest.parse(text, "here") == one
    for wrong in (
        text[:-20],
        "",
        "[]",
        "{}",
        text.replace('"manifest": 1', '"manifest": 2'),
        text.replace("size", "sise"),
    ):
        with pytest.raises(manifest.BackupInvalid, match="here"):
            manifest.parse(wrong, "here")


def test_a_difference_of_rows_is_told() -> None:
    """More rows, other values, and a table that is gone; what is equal is not mentioned."""
    before = {name: manifest.Fingerprint(2, "5") for name in ("a.same", "a.more", "a.other", "a.gone")}
    after = {**before, "a.more": manifest.Fingerprint(3, "6"), "a.other": manifest.Fingerprint(2, "6")}
    del after["a.gone"]
    assert manifest.differing(before, after) == [
        "a.more: 3 rows instead of 2",
        "a.other: 2 rows, of which some have other values",
        "a.gone: it is not there; it had 2 rows",
    ]
