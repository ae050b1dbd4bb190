"""A baseline records nothing that the database is not: 200 changes of one object are refused, and named ones pass."""

import random
import re
import subprocess
from collections.abc import Callable

import psycopg
import pytest

from schemata import config, errors
from schemata.adoption import baseline, verification
from schemata.deploy import migrate, results
from schemata.history import status
from schemata.migrations import files
from schemata.parity import locking, scratch
from schemata.postgres import urls, waiting
from schemata.server.embedded import binaries, server_state
from schemata.snapshot import reading
from tests.conftest import Project
from tests.integration.parity import statements, test_cases, test_sequences

#: Many are for `nox -s parity`.
MANY, FEW = 200, 12
SCHEMAS = ("n0", "n3")
WORLD = "n0.20250101000000.world"
START, LATER = "app.20250101000000.start", "app.20250102000000.later"
SQL = "CREATE TABLE app.users (id bigint PRIMARY KEY, email text NOT NULL);\n"


def world() -> str:
    """Return what makes one object of most kinds, in two schemas that are there."""
    lines = [line for line in statements.WORLD.strip().splitlines() if not line.startswith("CREATE SCHEMA")]
    names = {"app": SCHEMAS[0], "aux": SCHEMAS[1]}
    return re.sub(r"\b(app|aux)\b", lambda word: names[word[0]], "\n".join(lines)) + "\n"


def record(settings: config.Config, *, url: str, **options: object) -> results.Migrated:
    """Record what `options` say, in the database that is named."""
    return baseline.baseline(settings, url=url, confirm=urls.database_of(url), **options)  # type: ignore[arg-type]


def refused(settings: config.Config, url: str, **options: object) -> verification.DatabaseDiffers:
    """Check that a baseline is refused for a difference and leaves no trace; return the refusal."""
    with pytest.raises(verification.DatabaseDiffers) as found:
        record(settings, url=url, **options)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regnamespace('schemata')").fetchone() == (None,)
    return found.value


@pytest.fixture
def taken_over(project: Project) -> config.Config:
    """Give a project of two migrations, and a database in which another tool made what the first of them does."""
    project.write(START, SQL)
    project.write(LATER, "CREATE TABLE app.later (id int);\n")
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA app; {SQL}")
    return config.load(project.root, {})


def test_every_change_of_an_object_is_refused(
    project: Project,
    databases: test_cases.Databases,
    server: server_state.Server,
    admin: psycopg.Connection,
    make_database: Callable[..., str],
    programs: binaries.Binaries,
    pytestconfig: pytest.Config,
) -> None:
    """Whatever pg_dump sees; the same database without a change is recorded."""
    project.schemas = SCHEMAS
    project.configure()
    project.write(WORLD, world())
    settings = config.load(project.root, {})
    template = make_database()
    with psycopg.connect(template, autocommit=True) as connection:
        connection.execute("; ".join(f"CREATE SCHEMA {name}" for name in SCHEMAS))
        connection.execute(world())
    with waiting.connect(template, application_name="test") as plain:
        items = reading.read(plain.query, SCHEMAS).items

    def dump(url: str) -> list[str]:
        command = [str(programs.program("pg_dump")), "--schema-only", "--restrict-key=x", f"--dbname={url}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return test_sequences.without_order(done.stdout)

    before, chance, done = dump(template), random.Random(8), 0
    while done < (MANY if pytestconfig.getoption("--whole") else FEW):
        change = statements.change(chance.choice(items), chance.choice)
        url = make_database(urls.database_of(template))
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(change)
        except psycopg.Error:
            continue
        if dump(url) != before:
            found = refused(settings, url, through=WORLD)
            assert found.differences, change
            done += 1
        admin.execute(f'DROP DATABASE "{urls.database_of(url)}" WITH (FORCE)')
    result = record(settings, through=WORLD, url=template)
    assert [item.id for item in result.done] == [WORLD]
    found = status.status_of(settings, url=template)
    assert (found.exit_code, found.compared.of("drift")) == (0, ())


def test_a_difference_that_is_named_passes_onrecord(taken_over: config.Config, project: Project) -> None:
    """With a reason and a name; status shows it until something else is changed. Any other is still refused."""
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE app.ledger (id int); ALTER TABLE app.users ALTER COLUMN email DROP NOT NULL")
    told = str(refused(taken_over, project.url, through=START))
    for line in (
        "(2 differences):",
        "  extra    table app.ledger\n",
        "  changed  column app.users.email (not null)\n",
        f'inv migrate-baseline --through {START} --accept "table app.ledger" --reason "why"',
    ):
        assert line in told
    some = {"through": START, "accept": ["table app.led*"], "reason": "the record of the old tool"}
    assert [one.subject for one in refused(taken_over, project.url, **some).differences] == ["column app.users.email"]
    for wrong, match in (
        (
            {"accept": ["table app.led*", "column app.users.*", "table app.users"], "reason": "x"},
            "'table app.users' names no difference",
        ),
        ({"accept": ["*"]}, "for a reason, and none is given"),
        ({"unverified": True}, "nothing is compared for a reason, and none is given"),
        ({"unverified": True, "accept": ["*"], "reason": "x"}, "exclude each other"),
        ({"reason": "x"}, "neither is asked for"),
    ):
        with pytest.raises(errors.ConfigError, match=match):
            record(taken_over, through=START, url=project.url, **wrong)
    accept = ["table app.ledger", "column app.users.*"]
    result = record(
        taken_over, through=START, accept=accept, reason="as the old tool left it", by="ann", url=project.url
    )
    assert set(result.notes) >= {"Accepted: table app.ledger is extra.", "Accepted: column app.users.email is changed."}
    found = status.status_of(taken_over, url=project.url)
    (accepted,) = found.compared.of("drift-accepted")
    assert accepted.text.startswith("schema app (structure) is not what the migrations make; ann accepted it at ")
    assert accepted.text.endswith(": as the old tool left it (table app.ledger, column app.users.email)")
    assert not found.compared.of("drift")
    migrate.migrate(taken_over, url=project.url)
    assert not status.status_of(taken_over, url=project.url).compared.of("drift")
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("DROP TABLE app.later")
    assert status.status_of(taken_over, url=project.url).compared.of("drift")


def test_too_much_is_refused_and_what_is_there_is_recorded(taken_over: config.Config, project: Project) -> None:
    """What the database has not yet is missing; what it is recorded to have already is expected too."""
    found = refused(taken_over, project.url, through=LATER)
    assert [(one.change, one.subject) for one in found.differences] == [("missing", "table app.later")]
    assert [item.id for item in record(taken_over, through=START, url=project.url).done] == [START]
    migrate.migrate(taken_over, url=project.url)
    assert record(taken_over, through=START, url=project.url).done == ()


def test_nowhere_to_run_them(
    taken_over: config.Config, project: Project, monkeypatch: pytest.MonkeyPatch, programs: binaries.Binaries
) -> None:
    """The lock file is enough where it is of these migrations and nothing differs; else somebody has to say so."""

    def nowhere(*arguments: object, **options: object) -> None:
        raise errors.NotAvailable("there are no programs here", "Install them.")

    for path in (taken_over.migrations / "app").glob(f"{LATER}.*"):
        path.unlink()
    locking.lock(taken_over, postgres=str(programs.major))
    lock = (taken_over.migrations / files.MANIFEST).read_bytes()
    (taken_over.migrations / files.MANIFEST).unlink()
    for kept in (taken_over.state_dir / "expected").iterdir():
        kept.unlink()
    monkeypatch.setattr(scratch, "database", nowhere)
    with pytest.raises(
        verification.NotVerifiable, match="cannot be found out here: there are no programs here"
    ) as told:
        record(taken_over, through=START, url=project.url)
    assert told.value.exit_code == 3
    assert f"inv migrate-baseline --through {START} --unverified --reason" in told.value.hint
    (taken_over.migrations / files.MANIFEST).write_bytes(lock)
    assert record(taken_over, through=START, url=project.url).notes == ()
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA schemata CASCADE; CREATE TABLE app.more (id int)")
    with pytest.raises(verification.NotVerifiable):
        record(taken_over, through=START, url=project.url)
    result = record(taken_over, through=START, unverified=True, reason="compared by hand " * 30, url=project.url)
    assert result.notes[0] == "Not compared with the database, as --unverified asks."
    with psycopg.connect(project.url) as connection:
        (comment,) = connection.execute("SELECT comment FROM schemata._yoyo_log").fetchone() or ("",)
    assert comment.startswith("baseline, not compared: compared by hand compared")
    assert [one.schema for one in status.status_of(taken_over, url=project.url).compared.of("drift")] == ["app"]
