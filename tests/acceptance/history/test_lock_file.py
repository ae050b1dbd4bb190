"""A lock file that tells nothing, or something else than what is so, is named by who would have asked it."""

import re

import pytest

from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"
ASK = (("migrate-status",), ("smoke",), ("migrate", "--dry-run"))


@pytest.fixture
def applied(project: Project, schemata: CommandLine) -> Project:
    """Give a project whose one migration is applied."""
    project.write(ONE, "CREATE TABLE app.one (id int);\n")
    assert schemata("migrate").returncode == 0
    return project


def test_what_tells_nothing_is_noted(applied: Project, schemata: CommandLine) -> None:
    """Garbage, a merge conflict, and one of other migrations: said with what to type, and no failure."""
    manifest = applied.root / "migrations/manifest"
    assert all("manifest" not in schemata(*command).stdout for command in ASK)
    assert schemata("lock").returncode == 0
    locked = manifest.read_text()
    assert all("manifest" not in schemata(*command).stdout for command in ASK)
    conflict = f"<<<<<<< HEAD\n{locked}=======\n{locked}>>>>>>> other\n"
    for text, why in (
        ("garbage\n", "its first line is not"),
        (conflict, "it has the marks of a merge conflict"),
        (locked.replace(f" {ONE}", f" {ONE} more"), "is none of a lock file"),
        (None, "is not of these migrations"),
    ):
        if text is None:
            manifest.write_text(locked)
            applied.write("app.20250101000002.two", "SELECT 1;\n")
            assert schemata("migrate").returncode == 0
        else:
            manifest.write_text(text)
        for command in ASK:
            ended = schemata(*command, COLUMNS="1000")
            assert ended.returncode == 0, ended.stdout
            assert "manifest" in ended.stdout, (command, why)
            assert why in ended.stdout, (command, why)
            assert "inv lock" in ended.stdout, (command, why)
    manifest.write_text(conflict)
    ended = schemata("lock", "--check")
    assert ended.returncode == 1
    assert "merge conflict" in ended.stdout


def test_a_fingerprint_that_was_edited_is_told_as_one_of_two(applied: Project, schemata: CommandLine) -> None:
    """Status runs no migration, so it names both that may be wrong; smoke knows that it is the lock file."""
    assert schemata("lock").returncode == 0
    manifest = applied.root / "migrations/manifest"
    manifest.write_text(re.sub(r"^(\d+ \d+ app )[0-9a-f]+", r"\g<1>0123456789abcdef", manifest.read_text(), flags=re.M))
    (finding,) = schemata.json("migrate-status", code=1)["findings"]
    assert "changed outside the migrations, or what the lock file says of them is wrong" in finding["text"]
    assert "inv lock --check" in finding["text"]
    ended = schemata("smoke", COLUMNS="1000")
    assert ended.returncode == 1
    assert "says something else of schema app (structure) than the migrations make" in ended.stdout
    assert schemata("lock", "--check").returncode == 1
    assert schemata("lock").returncode == 0
    assert [schemata(command).returncode for command in ("migrate-status", "smoke")] == [0, 0]
