"""`inv rehearse`, what `inv migrate` does with its attestations, and what is shown before anything is changed."""

import json
from collections.abc import Callable

import psycopg
import pytest

from tests.conftest import Project

FIRST = "app.20260101000000.create_clients"
SECOND = "app.20260102000000.index_clients"
BIG = "INSERT INTO app.clients (name) SELECT 'c' FROM generate_series(1, 20000); ANALYZE app.clients"


@pytest.fixture
def clients(project: Project) -> Project:
    """Give a project with a table, and a pending migration that blocks writes to it."""
    project.write(
        FIRST,
        "-- Clients\nCREATE TABLE app.clients (\n"
        "    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL\n);\n",
        "DROP TABLE app.clients;\n",
    )
    project.write(
        SECOND, "-- Index\nCREATE INDEX idx_clients_name ON app.clients (name);\n", "DROP INDEX app.idx_clients_name;\n"
    )
    return project


def test_a_finding_has_its_place_and_what_to_write_instead(clients: Project, own_programs: None) -> None:
    """Exit code 1, the file and the line, what is blocked, and SQL to paste."""
    done = clients.inv("rehearse", SECOND)
    assert done.returncode == 1, done.stderr
    assert f"migrations/app/{SECOND}.sql:2" in done.stdout
    assert "ShareLock on app.clients while app.idx_clients_name is built: blocks writes until it is done" in done.stdout
    assert "CREATE INDEX CONCURRENTLY idx_clients_name ON app.clients (name);" in done.stdout
    assert "1 migration; 1 error" in done.stdout


def test_what_is_safe_ends_with_nothing_left(clients: Project, admin: psycopg.Connection) -> None:
    """On a server that is named its databases are gone afterwards, and the JSON says what each statement did."""
    clients.write(
        SECOND,
        "-- Note\nALTER TABLE app.clients ADD COLUMN note text;\n",
        "ALTER TABLE app.clients DROP COLUMN note;\n",
    )
    before = _databases(admin)
    done = clients.inv("rehearse", SECOND, "--url", clients.url, "--rollbacks", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    (migration,) = told["migrations"]
    assert migration["verdict"] == "ok"
    (lock,) = migration["locks"]
    assert (lock["on"], lock["mode"], lock["blocks"]) == ("app.clients", "AccessExclusiveLock", "reads and writes")
    assert told["rollbacks"][0]["ok"]
    assert _databases(admin) == before
    with psycopg.connect(clients.url) as connection:
        assert connection.execute("SELECT to_regnamespace('app')").fetchone() == (None,)


def test_of_two_that_are_named_each_is_proved_where_it_stands(clients: Project) -> None:
    """What is between them is there when the later one is cycled, and is no fault of its rollback."""
    third = "app.20260103000000.add_note"
    add, drop = "ALTER TABLE app.clients ADD COLUMN note text;\n", "ALTER TABLE app.clients DROP COLUMN note;\n"
    clients.write(third, f"-- Note\n{add}", drop)
    done = clients.inv("rehearse", f"{FIRST},{third}", "--rollbacks", "--json")
    assert [(one["migration_id"], one["problems"]) for one in json.loads(done.stdout)["rollbacks"]] == [
        (FIRST, []),
        (third, []),
    ]


def test_the_rows_of_a_backup_are_real(clients: Project) -> None:
    """What made-up rows only doubt, the last backup decides: a duplicate in it is an error, with the server's words."""
    clients.write(
        SECOND,
        "-- Unique\nALTER TABLE app.clients ADD CONSTRAINT clients_name_key UNIQUE (name);\n",
        "ALTER TABLE app.clients DROP CONSTRAINT clients_name_key;\n",
    )
    assert clients.inv("migrate", "--to", FIRST).returncode == 0
    with psycopg.connect(clients.url) as connection:
        connection.execute("INSERT INTO app.clients (name) VALUES ('twice'), ('twice'), ('once')")
    taken = clients.inv("backup", "--json")
    assert taken.returncode == 0, taken.stderr
    done = clients.inv("rehearse", SECOND, "--backup", "latest", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["existing"].startswith("the existing database is the backup test_")
    assert any("could not create unique index" in json.dumps(one) for one in told["findings"])
    with psycopg.connect(clients.url) as connection:
        connection.execute("DELETE FROM app.clients WHERE id = 1")
    assert clients.inv("backup").returncode == 0
    done = clients.inv("rehearse", SECOND, "--backup", "latest", "--json")
    assert "could not create unique index" not in done.stdout
    (newest, *_) = json.loads(clients.inv("backups", "--json").stdout)["backups"]
    done = clients.inv("rehearse", SECOND, "--backup", "latest", "--attest", "--accept", "they are few")
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (clients.root / "migrations" / "attestations").read_text().splitlines()[2:]
    assert f" rollback=proved backup={newest['name']} # they are few" in line
    assert clients.inv("rehearse", SECOND, "--backup", "absent").returncode == 1


def _databases(admin: psycopg.Connection) -> list[tuple[str, ...]]:
    return admin.execute("SELECT datname FROM pg_database ORDER BY 1").fetchall()


def test_the_target_decides_what_is_pending_and_how_bad_it_is(
    clients: Project, make_database: Callable[..., str]
) -> None:
    """A few rows make a warning, many an error with their number; the target itself is read only."""
    target = make_database()
    assert clients.inv("migrate", "--to", FIRST, "--url", target).returncode == 0
    small = clients.inv("rehearse", "--target", target, "--url", clients.url, "--json")
    assert small.returncode == 0, small.stdout + small.stderr
    told = json.loads(small.stdout)
    assert [one["id"] for one in told["migrations"]] == [SECOND]
    assert [one["severity"] for one in told["findings"]] == ["warning"]
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(BIG)
        before = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
        large = clients.inv("rehearse", "--target", target, "--url", clients.url)
        assert large.returncode == 1, large.stderr
        assert "app.clients (20,000 rows, " in large.stdout
        assert "(an estimate, at 40 MB/s)" in large.stdout
        assert connection.execute(
            "SELECT xact_commit >= 0 FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        assert before is not None


def test_the_target_is_not_rehearsed_in(clients: Project) -> None:
    """The same database for both is refused with exit code 2."""
    done = clients.inv("rehearse", "--target", clients.url, "--url", clients.url, SECOND)
    assert done.returncode == 2
    assert "is the target itself" in done.stderr


def test_a_file_that_does_not_run_is_an_error(clients: Project) -> None:
    """Its message comes with the place, and there is no traceback."""
    clients.write(SECOND, "-- Wrong\nALTER TABLE app.nowhere ADD COLUMN note text;\n")
    done = clients.inv("rehearse", "--url", clients.url)
    assert done.returncode == 1
    assert 'relation "app.nowhere" does not exist' in done.stdout
    assert "fails-on-fresh" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_migration_in_python_is_seen_step_by_step(clients: Project) -> None:
    """Each step is a statement of the trace, whether it is SQL or a call."""
    clients.write(
        SECOND,
        "-- Note\nALTER TABLE app.clients ADD COLUMN note text;\n",
        "ALTER TABLE app.clients DROP COLUMN note;\n",
    )
    path = clients.root / "migrations" / "app" / "app.20260103000000.fill.py"
    path.write_text(
        "# Fill the notes.\nfrom yoyo import step\n\n\n"
        "def fill(connection):\n    connection.execute(\"UPDATE app.clients SET note = 'x'\")\n\n\n"
        "step('ALTER TABLE app.clients RENAME COLUMN name TO title', "
        "'ALTER TABLE app.clients RENAME COLUMN title TO name')\n"
        "step(fill, lambda connection: None)\n"
    )
    done = clients.inv("rehearse", "app.20260103000000.fill", "--url", clients.url, "--rollbacks", "--json")
    assert "Traceback" not in done.stderr, done.stderr
    told = json.loads(done.stdout)
    assert [one["line"] for one in told["migrations"][0]["statements"]] == [9, 10]
    assert {one["code"] for one in told["findings"]} == {"renames", "lock-held", "updates-rows"}
    assert told["rollbacks"][0]["problems"] == []


def test_a_deploy_may_demand_a_proof(clients: Project) -> None:
    """Without one nothing is applied, and what lacks is named; with one it is, until the file is edited."""
    refused = clients.inv("migrate", "--require-proof")
    assert refused.returncode == 1
    assert f"{FIRST}: nothing is attested for PostgreSQL" in refused.stderr
    assert f"{SECOND}: nothing is attested" in refused.stderr
    attested = clients.inv("rehearse", "--all", "--attest", "--url", clients.url)
    assert attested.returncode == 1
    assert f"{SECOND}: its rehearsal found errors" in clients.inv("migrate", "--require-proof").stderr
    accepted = clients.inv("rehearse", "--all", "--attest", "--accept", "nobody writes at night", "--url", clients.url)
    assert accepted.returncode == 0, accepted.stdout
    lines = (clients.root / "migrations" / "attestations").read_text().splitlines()
    assert [line.split()[0] for line in lines[2:]] == [FIRST, SECOND]
    assert lines[3].endswith("rehearsal=accepted rollback=proved # nobody writes at night")
    dry = clients.inv("migrate", "--dry-run", "--require-proof")
    assert dry.returncode == 0
    assert "Attested" in dry.stdout
    assert "It would be refused" not in dry.stdout
    clients.write(
        SECOND,
        "-- Index\nCREATE INDEX idx_clients_name ON app.clients (name, id);\n",
        "DROP INDEX app.idx_clients_name;\n",
    )
    assert f"{SECOND}: it was edited after it was attested" in clients.inv("migrate", "--require-proof").stderr
    clients.write(
        SECOND, "-- Index\nCREATE INDEX idx_clients_name ON app.clients (name);\n", "DROP INDEX app.idx_clients_name;\n"
    )
    assert clients.inv("migrate", "--require-proof").returncode == 0


def test_the_settings_demand_a_proof_of_a_target(clients: Project) -> None:
    """`require_proof` names a target: only where its URL is the database nothing unproved is applied."""
    clients.configure(
        '[tool.schemata.rehearsal]\nrequire_proof = ["live"]\n[tool.schemata.targets.live]\nurl_env = "LIVE_URL"\n'
    )
    refused = clients.inv("migrate", LIVE_URL=clients.url)
    assert refused.returncode == 1
    assert "it is the target live" in refused.stderr
    assert clients.inv("migrate").returncode == 0


def test_a_dry_run_shows_locks_and_sizes(clients: Project) -> None:
    """The plan has each lock that keeps others out, and how large the table is there."""
    assert clients.inv("migrate", "--to", FIRST).returncode == 0
    with psycopg.connect(clients.url, autocommit=True) as connection:
        connection.execute(BIG)
    told = json.loads(clients.inv("migrate", "--dry-run", "--json").stdout)
    (lock,) = told["planned"][0]["locks"]
    assert (lock["mode"], lock["table"], lock["blocks"], lock["rows"]) == ("ShareLock", "app.clients", "writes", 20000)
    shown = clients.inv("migrate", "--dry-run").stdout
    assert "CREATE INDEX idx_clients_name ON app.clients (name);" in shown
    assert "about 20,000 rows" in shown


def test_a_rollback_shows_what_it_destroys(clients: Project) -> None:
    """Rows, values of a column, what goes with CASCADE, and where the text does not show it."""
    clients.write(
        SECOND,
        "-- Note\nALTER TABLE app.clients ADD COLUMN note text;\n"
        "CREATE VIEW app.notes AS SELECT note FROM app.clients;\n",
        "ALTER TABLE app.clients DROP COLUMN note CASCADE;\nDO $$ BEGIN NULL; END $$;\n"
        "DROP TABLE app.clients CASCADE;\n",
    )
    assert clients.inv("migrate").returncode == 0
    with psycopg.connect(clients.url, autocommit=True) as connection:
        connection.execute("INSERT INTO app.clients (name, note) VALUES ('a', 'x'), ('b', NULL)")
    told = json.loads(clients.inv("rollback", "--dry-run", "--json").stdout)
    destroys = told["planned"][0]["destroys"]
    assert destroys[0] == "drop column app.clients column note: 2 rows, 1 with a value"
    assert destroys[1] == "  with view app.notes"
    assert destroys[2] == "drop table app.clients: 2 rows"
    assert "its text does not show" in destroys[-1]
