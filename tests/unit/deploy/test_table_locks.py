"""The locks that the text of a statement tells."""

import pytest

from schemata.deploy.preview import table_locks
from schemata.sql import statement

_LIGHT, _WRITES = "ShareUpdateExclusiveLock", "ShareRowExclusiveLock"


@pytest.mark.parametrize(
    ("sql", "locks"),
    [
        ("ALTER TABLE a.t ADD COLUMN c int", {"t": "AccessExclusiveLock"}),
        ("ALTER TABLE a.t VALIDATE CONSTRAINT c", {"t": _LIGHT}),
        ("ALTER TABLE a.t SET (fillfactor = 70), ADD COLUMN c int", {"t": "AccessExclusiveLock"}),
        (
            "ALTER TABLE a.t ADD FOREIGN KEY (b) REFERENCES a.u",
            {"t": _WRITES, "u": _WRITES},
        ),
        ("ALTER TABLE a.t DISABLE TRIGGER x", {"t": _WRITES}),
        ("ALTER TABLE a.t ATTACH PARTITION a.p DEFAULT", {"t": _LIGHT, "p": "AccessExclusiveLock"}),
        (
            "ALTER TABLE a.t DETACH PARTITION a.p CONCURRENTLY",
            {"t": _LIGHT, "p": _LIGHT},
        ),
        ("CREATE INDEX ON a.t (b)", {"t": "ShareLock"}),
        ("CREATE INDEX CONCURRENTLY i ON a.t (b)", {"t": _LIGHT}),
        ("CREATE TRIGGER x BEFORE UPDATE ON a.t EXECUTE FUNCTION f()", {"t": _WRITES}),
        ("CREATE TABLE a.n (b int REFERENCES a.t)", {"t": _WRITES}),
        ("LOCK TABLE a.t IN EXCLUSIVE MODE", {"t": "ExclusiveLock"}),
        ("TRUNCATE a.t, a.u", {"t": "AccessExclusiveLock", "u": "AccessExclusiveLock"}),
        ("VACUUM FULL a.t", {"t": "AccessExclusiveLock"}),
        ("VACUUM a.t", {"t": _LIGHT}),
        ("CLUSTER a.t USING i", {"t": "AccessExclusiveLock"}),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY a.t", {"t": "ExclusiveLock"}),
        ("REINDEX TABLE a.t", {"t": "ShareLock"}),
        ("DROP TABLE a.t", {"t": "AccessExclusiveLock"}),
        ("DROP TRIGGER x ON a.t", {"t": "AccessExclusiveLock"}),
        ("ALTER TABLE a.t RENAME COLUMN b TO c", {"t": "AccessExclusiveLock"}),
        ("UPDATE a.t SET b = 1", {"t": "RowExclusiveLock"}),
        ("COMMENT ON TABLE a.t IS 'x'", {}),
        ("CREATE VIEW a.v AS SELECT 1", {}),
    ],
)
def test_the_locks_of_a_statement(sql: str, locks: dict[str, str]) -> None:
    """Each table that is named has the mode that the manual gives."""
    (item,) = statement.split(sql)
    assert {lock.table: lock.mode for lock in table_locks.of(item)} == locks
    assert all(lock.schema == "a" for lock in table_locks.of(item))


@pytest.mark.parametrize(("sql", "opaque"), [("DO $$ BEGIN END $$", True), ("SELECT f()", True), ("SELECT 1", False)])
def test_what_the_text_does_not_tell(sql: str, opaque: bool) -> None:
    """A block and a call may lock anything."""
    (item,) = statement.split(sql)
    assert table_locks.is_opaque(item) is opaque
