"""What a baseline stands for, and under which digests a database has a set of files."""

import pytest

from schemata.migrations import checksums, leading_comment, migration
from schemata.migrations.groups import replaced

SUM = {name: name * 64 for name in "abcdef0123456789"}


def item(id_: str, checksum: str, head: str = "") -> migration.Migration:
    """Return a migration with these directives."""
    schema, timestamp, slug = migration.parse_id(id_)
    directives = leading_comment.parse_directives(f"-- Title.\n{head}SELECT 1;\n", "file")
    return migration.Migration(id_, schema, timestamp, slug, f"{id_}.sql", "SELECT 1;", checksum, directives)


ONE, TWO, THREE = (f"app.2025010100000{number}.x" for number in (1, 2, 3))
B1, B2 = "app.20250101000002.first", "app.20250101000003.second"
FIRST = item(B1, "b1", f"-- replaces: {ONE} {SUM['a']}\n-- replaces: {TWO} {SUM['b']}\n")
SECOND = item(
    B2,
    "b2",
    f"-- replaces: {B1} {SUM['c']}\n-- replaces: {ONE} {SUM['a']} in {B1}\n-- replaces: {TWO} {SUM['b']} in {B1}\n"
    f"-- replaces: {THREE} {SUM['d']}\n",
)


def test_a_set_has_a_digest_for_each_generation() -> None:
    """First what the last squash replaced, then what the one before it had."""
    last = item("app.20250101000004.x", "e")
    assert replaced.forms([last]) == ()
    assert replaced.forms([FIRST, last]) == (checksums.of([(ONE, SUM["a"]), (TWO, SUM["b"]), (last.id, "e")]),)
    assert replaced.forms([SECOND, last]) == (
        checksums.of([(B1, SUM["c"]), (THREE, SUM["d"]), (last.id, "e")]),
        checksums.of([(ONE, SUM["a"]), (TWO, SUM["b"]), (THREE, SUM["d"]), (last.id, "e")]),
    )


@pytest.mark.parametrize(
    ("ids", "missing"),
    [
        ((B1, THREE), ()),
        ((ONE, TWO, THREE), ()),
        ((ONE, THREE), (TWO,)),
        ((B1,), (THREE,)),
        ((), (ONE, TWO, THREE)),
    ],
)
def test_what_of_a_baseline_is_missing(ids: tuple[str, ...], missing: tuple[str, ...]) -> None:
    """An earlier baseline is there by its own record or by all of what it had replaced."""
    assert tuple(one.id for one in replaced.missing(SECOND, ids)) == missing


def test_a_rewritten_file_keeps_its_checksum() -> None:
    """As long as it is what the squash made of it; edited again, it is edited."""
    noted = item(B1, "b1", f"-- replaces: {ONE} {SUM['a']}\n-- rewritten: {THREE} {SUM['d']} {SUM['e']}\n")
    assert [one.checksum for one in replaced.checked([noted, item(THREE, SUM["e"])])] == ["b1", SUM["d"]]
    assert [one.checksum for one in replaced.checked([noted, item(THREE, SUM["f"])])] == ["b1", SUM["f"]]


def test_both_forms_beside_each_other_are_refused() -> None:
    """Also where the file is of the generation before the last."""
    with pytest.raises(migration.InvalidMigration, match=f"it replaces {ONE}"):
        replaced.checked([SECOND, item(ONE, SUM["a"])])


@pytest.mark.parametrize(
    "line",
    [
        f"-- replaces: {ONE}",
        f"-- replaces: {ONE} abc",
        f"-- replaces: {ONE} {SUM['a']} of {B1}",
        f"-- rewritten: {ONE} {SUM['a']}",
    ],
)
def test_a_line_that_is_not_as_it_is_written_is_refused(line: str) -> None:
    """A slip in it would make a database look as if it had nothing of it."""
    with pytest.raises(migration.InvalidMigration, match="is not as `inv squash` writes it"):
        leading_comment.parse_directives(f"{line}\nSELECT 1;", "file")


def test_depends_is_written_again() -> None:
    """Only that line, only in the leading comment, each name once."""
    sql = f"-- T.\n--   depends:  {ONE} {TWO} other\n-- more\n\nSELECT 1; -- depends: {ONE}\n"
    assert leading_comment.with_depends(sql, {ONE: B1, TWO: B1}, [B2]) == (
        f"-- T.\n-- depends: {B1} other {B2}\n-- more\n\nSELECT 1; -- depends: {ONE}\n"
    )
    assert (
        leading_comment.with_depends(f"-- T.\nSELECT 1;\n-- depends: {ONE}", {ONE: B1})
        == f"-- T.\nSELECT 1;\n-- depends: {ONE}"
    )
