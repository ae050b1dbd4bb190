"""Migrations that are the phases of one change."""

import pytest

from schemata.migrations import checksums, leading_comment, migration
from schemata.migrations.groups import changes
from tests.unit import cases


def made(number: int, head: str) -> migration.Migration:
    """Return a migration with these directives."""
    id_ = f"app.2025010100000{number}.m{number}"
    directives = leading_comment.parse_directives(head, f"{id_}.sql")
    return migration.Migration(
        id_, "app", f"2025010100000{number}", f"m{number}", f"{id_}.sql", "", f"{number}", directives
    )


EXPAND = "-- change: a\n-- phase: expand\n-- tables: app.t\n"
BACKFILL = "-- change: a\n-- phase: backfill\n"
CONTRACT = "-- change: a\n-- phase: contract\n"


def test_the_files_of_a_change_are_read_as_one() -> None:
    """They need not stand side by side; the tables of all count."""
    other = made(3, "-- T\n")
    items = [made(1, EXPAND), made(2, BACKFILL), other, made(4, CONTRACT + "-- tables: app.t app.u\n")]
    change = changes.of(items)["a"]
    assert change.files == (items[0], items[1], items[3])
    assert change.phases == ("expand", "backfill", "contract")
    assert change.tables == ("app.t", "app.u")
    assert change.of("backfill") == (items[1],)


@cases.named(
    ("heads", "path", "words"),
    [
        ("no expand", [BACKFILL + "-- tables: app.t\n"], "app.20250101000000.m0.sql", "has no expand"),
        ("no table", [BACKFILL.replace("backfill", "expand")], "app.20250101000000.m0.sql", "which tables"),
        ("a contract first", [EXPAND, CONTRACT, BACKFILL], "app.20250101000002.m2.sql", "comes after"),
        ("two backfills", [EXPAND, BACKFILL, BACKFILL], "app.20250101000002.m2.sql", "two backfills"),
    ],
)
def test_a_change_that_is_none_is_refused(heads: list[str], path: str, words: str) -> None:
    """The file is named, and what is wrong with it."""
    with pytest.raises(migration.InvalidMigration) as caught:
        changes.of(made(number, head) for number, head in enumerate(heads))
    assert caught.value.path == path
    assert words in caught.value.message
    assert caught.value.hint


def test_a_boot_knows_the_digests_of_an_open_change() -> None:
    """Each is what a database records that has all but the last phases."""
    items = [made(1, EXPAND), made(2, BACKFILL), made(3, "-- T\n"), made(4, CONTRACT)]
    forms = changes.held_forms(items)
    assert set(forms) == {
        checksums.of([(item.id, item.checksum) for item in items if item not in left])
        for left in ([items[3]], [items[1], items[3]])
    }
    assert changes.held_forms([items[2]]) == ()
