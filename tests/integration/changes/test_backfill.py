"""A backfill on tables of every kind of key, beside an application that writes, inserts and holds rows."""

import psycopg
import pytest

from tests import backfills
from tests.conftest import Project

PARTITIONED = [("bigint", 3), ("composite", 2), ("uuid", 3)]
CASES = [*((kind, 0) for kind in backfills.KEYS), *PARTITIONED]


@pytest.mark.parametrize(("kind", "partitions"), CASES, ids=lambda value: str(value))
def test_each_row_is_done_once(project: Project, kind: str, partitions: int) -> None:
    """Whatever the key is, every row is updated, none twice, and the migration is recorded."""
    backfills.expanded(project, backfills.table(kind, 1000, partitions))
    done = project.inv("change-backfill", backfills.CHANGE, "--batch", "70")
    assert done.returncode == 0, done.stderr
    assert "1000 rows of app.t in 15 batches" in done.stdout
    with psycopg.connect(project.url) as connection:
        assert backfills.counts(connection) == (0, 0, 1000)
        assert backfills.is_recorded(connection)
    status = project.inv("migrate-status", "--check")
    assert status.returncode == 0, status.stdout
