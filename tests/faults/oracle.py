"""What must be so after everything has gone well, judged without the code under test where that is possible."""

import hashlib
import json
from pathlib import Path

import psycopg

from schemata.migrations import checksums
from tests.conftest import Project


def comparable(dump: str) -> str:
    """Return a dump with the rows of each table sorted: VACUUM and a retry may place them differently."""
    result: list[str] = []
    rows: list[str] | None = None
    for line in dump.splitlines():
        if rows is None:
            result.append(line)
            if line.startswith("COPY ") and line.endswith("FROM stdin;"):
                rows = []
        elif line == "\\.":
            result += [*sorted(rows), line]
            rows = None
        else:
            rows.append(line)
    return "\n".join(result)


def files(root: Path) -> dict[str, str]:
    """Return the checksum of each migration file by its id."""
    return {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (root / "migrations").glob("*/*.sql")
        if not path.name.endswith(".rollback.sql")
    }


def assert_settled(project: Project, url: str) -> None:
    """Fail unless the history says each file was applied exactly once, and the catalog holds nothing half done."""
    expected = files(project.root)
    with psycopg.connect(url) as connection:
        marked = [row[0] for row in connection.execute("SELECT migration_id FROM schemata._yoyo_migration")]
        assert sorted(marked) == sorted(expected)
        logged = connection.execute("SELECT migration_id, operation FROM schemata._yoyo_log").fetchall()
        assert sorted(logged) == sorted((id_, "apply") for id_ in expected)
        applied = connection.execute(
            "SELECT migration_id, checksum FROM schemata.attempts WHERE state = 'applied' AND direction = 'apply'"
        ).fetchall()
        assert sorted(applied) == sorted(expected.items())
        head = connection.execute(
            "SELECT digest, applied, last_id, structure IS NOT NULL FROM schemata.head"
        ).fetchall()
        last = max(expected, key=lambda id_: id_.split(".")[1])
        assert head == [(checksums.of(list(expected.items())), len(expected), last, True)]
        # Everywhere, pg_toast included: that is where an interrupted REINDEX TABLE hides its rest.
        broken = connection.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT (indisvalid AND indisready AND indislive)"
        ).fetchall()
        assert broken == []


def assert_status_ok(project: Project) -> None:
    """Fail unless `migrate-status` finds nothing at all to say, exit code 0."""
    status = project.inv("migrate-status", "--json")
    found = json.loads(status.stdout)
    assert (status.returncode, found["ok"], found["findings"]) == (0, True, [])
    assert {row["state"] for row in found["migrations"]} == {"applied"}
