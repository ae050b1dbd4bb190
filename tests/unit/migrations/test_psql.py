"""Commands of psql in a file are found where they stand for SQL, and nowhere else."""

import pytest

from schemata.migrations import migration, psql


@pytest.mark.parametrize(
    "sql",
    ["\\set x 1\n", "SELECT 1;\n\\i other.sql\n", "SELECT 1;\n \t\\connect b\n", "\\q", "SELECT '\\d';\n\\d\n"],
)
def test_a_command_is_refused(sql: str) -> None:
    """At the begin of any line, behind blanks too, and as the whole of a file."""
    with pytest.raises(migration.InvalidMigration, match="is a command of psql"):
        psql.check("a.sql", sql)


@pytest.mark.parametrize(
    "sql",
    ["SELECT '\n\\d\n';\n", "/*\n\\set x\n*/ SELECT 1;\n", "SELECT '\\d ';\n", "SELECT E'\\t \\q ';\n", "SELECT 1;\n"],
)
def test_what_only_looks_like_one_is_not(sql: str) -> None:
    """A literal and a comment may hold anything, and a backslash within a line is none."""
    psql.check("a.sql", sql)
