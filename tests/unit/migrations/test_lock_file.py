"""The lock file is read as it was written, and says so where it was not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemata.migrations import checksums, leading_comment, lock_file, migration

A, B = "app.20250101000000.one", "app.20250101000001.two"
FINGERPRINT = "0a1b.2c3d.4e5f.6071"


def made(id_: str, sql: str = "SELECT 1;\n") -> migration.Migration:
    """Return a migration of that text."""
    schema, timestamp, slug = migration.parse_id(id_)
    directives = leading_comment.parse_directives(sql, id_)
    return migration.Migration(id_, schema, timestamp, slug, f"{id_}.sql", sql, checksums.checksum(sql), directives)


ITEMS = [made(A), made(B, "SELECT 2;\n")]
PARSED = {item.id: migration.Parsed(1, "f" * 64) for item in ITEMS}
OTHER = "0a1b.2c3d.4e5f.ffff"
EXPECTED = {
    "1 18": {"": FINGERPRINT, "app": FINGERPRINT},
    "1 18 as the boss": {"app": OTHER},
    "1 9": {"app": FINGERPRINT},
}
TEXT = lock_file.text(ITEMS, PARSED, EXPECTED)


def test_it_is_read_as_it_was_written() -> None:
    """Members in their order with what the parser found, and the expected structure of each major version."""
    found = lock_file.parse(TEXT)
    assert list(found.members.items()) == [(item.id, (item.checksum, PARSED[item.id])) for item in ITEMS]
    assert found.expected == EXPECTED
    assert found.fits(ITEMS)
    assert not found.fits(ITEMS[:1])
    assert not found.fits([made(A, "SELECT 3;\n"), ITEMS[1]])


def test_a_line_each_and_the_oldest_version_first() -> None:
    """One line a migration and one a schema and version, so that a review shows what changed."""
    lines = TEXT.splitlines()
    assert [line.rpartition(" ")[2] for line in lines[4:6]] == [A, B]
    assert lines[7:] == [
        f"1 9 app {FINGERPRINT}",
        f"1 18 - {FINGERPRINT}",
        f"1 18 app {FINGERPRINT}",
        f"1 18 app {OTHER} as the boss",
    ]


def test_where_a_role_deploys_that_is_named() -> None:
    """What is another there is in the place of what is so in general; any other role is like every one."""
    expected = lock_file.parse(TEXT).expected
    assert lock_file.of_deployer(expected, "1 18", "the boss") == {"": FINGERPRINT, "app": OTHER}
    assert lock_file.of_deployer(expected, "1 18", "anyone") == EXPECTED["1 18"]
    assert lock_file.of_deployer(expected, "1 17", "the boss") is None


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        ("schemata manifest 1" + TEXT[TEXT.index("\n") :], "its first line"),
        (TEXT.replace(A, "app.20250101000000.other"), "its digest is not that of its lines"),
        (TEXT.replace(f" 1 {A}", f" 1  {A}"), "is none of a lock file"),
        (TEXT.replace(f"1 9 app {FINGERPRINT}", "<<<<<<< HEAD"), "the marks of a merge conflict"),
        ("", "its first line"),
    ],
)
def test_a_damaged_one_is_refused(damage: str, text: str) -> None:
    """An older format, an edited line and the marks of a merge conflict are told apart from a lock file."""
    with pytest.raises(ValueError, match=text):
        lock_file.parse(damage)


def test_the_versions_are_known_in_the_middle_of_a_conflict() -> None:
    """What has to be locked again is read from a file that cannot be read otherwise."""
    ours = TEXT.replace("1 9 app", "1 17 app")
    assert lock_file.majors(f"<<<<<<< HEAD\n{ours}=======\n{TEXT}>>>>>>> other\n") == (9, 17, 18)


@given(st.text(max_size=300) | st.text(alphabet="1 8ab.-\n", max_size=120))
def test_any_text_is_a_lock_file_or_an_error(text: str) -> None:
    """Nothing but ValueError comes of a text that is none."""
    try:
        lock_file.parse(text)
    except ValueError:
        return
    raise AssertionError("a lock file begins with its format")
