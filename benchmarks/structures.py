"""Snapshots, parity and the check against the lock file of databases of many tables, against pg_dump and migra."""

import dataclasses
from pathlib import Path

import measure
import place as places
import psycopg
import tables
import workload
from place import Position

_COLUMNS = ("whole process", "median", "fastest", "slowest", "× pg_dump")
#: So many tables are what the promises beside pg_dump are about; fewer, what the one beside migra is about.
_MANY = 2000
_PROJECT = '[tool.schemata]\nname = "bench"\nschemas = [{schemas}]\n'


def structures(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure one snapshot, and the comparison of two databases, for each number of tables."""
    project = place.folder / "structures"
    project.mkdir(exist_ok=True)
    listed = ", ".join(f'"{schema}"' for schema in workload.SCHEMAS)
    (project / "pyproject.toml").write_text(_PROJECT.format(schemas=listed))
    (project / "tasks.py").write_text("from schemata.tasks import namespace as ns\n__all__ = ['ns']\n")
    sections = []
    for count in sizes:
        pair = [_filled(place, count), _filled(place, count)]
        with psycopg.connect(pair[1], autocommit=True) as connection:
            connection.execute("ALTER TABLE one.t0 ADD COLUMN drifted text")
        sections.append(_snapshot(place, project, pair[0], rounds, count))
        sections.append(_parity(place, project, pair, rounds, count))
        for url in pair:
            place.drop(url)
        sections.append(_check(place, rounds, count))
    return sections


def _filled(place: Position, count: int) -> str:
    """Return a database of so many tables in four schemas, each with what real ones have."""
    url = place.database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DO $$ BEGIN CREATE ROLE bench_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        for schema in workload.SCHEMAS:
            connection.execute(_function(schema))
        for start in range(0, count, 100):
            tables_ = (_table(_schema(number), number) for number in range(start, min(start + 100, count)))
            connection.execute("; ".join(tables_))
        # As autovacuum leaves it within minutes; a database of a moment ago is planned for as if it were empty.
        connection.execute("VACUUM ANALYZE")
    return url


def _schema(number: int) -> str:
    return workload.SCHEMAS[number % len(workload.SCHEMAS)]


def _function(schema: str) -> str:
    return (
        f"CREATE FUNCTION {schema}.touch() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.updated_at := now(); RETURN NEW; END'"
    )


def _table(schema: str, number: int) -> str:
    name = f"{schema}.t{number}"
    parent = f"REFERENCES {schema}.t{number - 4} (id)" if number >= 4 else ""
    return (
        f"CREATE TABLE {name} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent_id bigint {parent},"
        " code varchar(20) NOT NULL, name text NOT NULL DEFAULT '', amount numeric(12,2) CHECK (amount >= 0),"
        " state text NOT NULL DEFAULT 'new', tags text[], created_at timestamptz NOT NULL DEFAULT now(),"
        " updated_at timestamptz, UNIQUE (code, state));"
        f" CREATE INDEX t{number}_created ON {name} (created_at DESC, id);"
        f" CREATE INDEX t{number}_state ON {name} (state) WHERE state <> 'done';"
        f" CREATE TRIGGER touch BEFORE UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION {schema}.touch();"
        f" COMMENT ON TABLE {name} IS 'Table number {number}.'; COMMENT ON COLUMN {name}.code IS 'Its code.';"
        f" GRANT SELECT ON {name} TO bench_reader"
    )


def _snapshot(place: Position, project: Path, url: str, rounds: int, count: int) -> tables.Section:
    command = places.ours(project, "snapshot", "--json", url=url)
    dump = measure.Contender("pg_dump --schema-only", _dump(place, url).run)
    tasks = measure.Contender("inv snapshot --json", command.run)
    ours = measure.Contender("schemata snapshot --json", places.console(project, "snapshot", "--json", url=url).run)
    measure.race([dump, tasks, ours], rounds)
    goals = (tables.Goal(f"schemata snapshot : pg_dump at {count}", measure.ratio(ours, dump), 0.75),)
    memory = measure.peak_memory(command)
    return tables.Section(
        f"Snapshot of {count:,} tables",
        _COLUMNS,
        tables.compared([dump, tasks, ours], dump),
        goals if count >= _MANY else (),
        (f"Peak memory of ours: {memory:.0f} MiB; of pg_dump: {measure.peak_memory(_dump(place, url)):.0f} MiB.",),
    )


def _parity(place: Position, project: Path, pair: list[str], rounds: int, count: int) -> tables.Section:
    files = [place.folder / f"{name}.sql" for name in "ab"]
    dumps = " && ".join(
        f"'{place.found.program('pg_dump')}' --schema-only --restrict-key=x --dbname='{url}' > '{file}'"
        for file, url in zip(files, pair, strict=True)
    )
    shell = measure.Command(("sh", "-c", f"{dumps} && diff '{files[0]}' '{files[1]}'"), code=1)
    command = dataclasses.replace(places.ours(project, "parity", "--against", pair[1], "--json", url=pair[0]), code=1)
    twice = measure.Contender("pg_dump twice, diff", shell.run)
    ours = measure.Contender("inv parity --against", command.run)
    contenders = [twice, ours]
    if places.installed("migra"):
        migra = measure.Command((places.script("migra"), "--unsafe", "--with-privileges", *pair), code=2)
        contenders.append(measure.Contender("migra", migra.run))
    measure.race(contenders, rounds)
    goals = []
    if count >= _MANY:
        goals.append(tables.Goal(f"parity : pg_dump twice and diff at {count}", measure.ratio(ours, twice), 0.65))
    if len(contenders) > 2 and count < _MANY:
        goals.append(tables.Goal(f"migra : parity at {count}", measure.ratio(contenders[2], ours), 3.5, False))
    notes = [f"Peak memory of ours: {measure.peak_memory(command):.0f} MiB."]
    if len(contenders) < 3:
        notes.append("migra is not installed, and left out.")
    return tables.Section(
        f"Two databases of {count:,} tables that differ in one column",
        ("whole process", "median", "fastest", "slowest", "× pg_dump twice"),
        tables.compared(contenders, twice),
        tuple(goals),
        tuple(notes),
    )


def _check(place: Position, rounds: int, count: int) -> tables.Section:
    """Compare the check of a live database against the lock file with one snapshot of it.

    Where nothing ran DDL since the last migrate the stored fingerprints are compared; where something did, the
    structure is read again.
    """
    project = _locked(place, count)
    url = place.database()
    with psycopg.connect(url, autocommit=True) as connection:
        for schema in workload.SCHEMAS:
            connection.execute(f"DROP SCHEMA {schema}")
    places.ours(project, "migrate", url=url).run()
    snapshot = measure.Contender("inv snapshot --json", places.ours(project, "snapshot", "--json", url=url).run)
    command = places.ours(project, "migrate-status", "--json", url=url)
    stored = measure.Contender("inv migrate-status, fingerprints compared", command.run)
    measure.race([snapshot, stored], rounds)
    with psycopg.connect(url, autocommit=True) as connection:
        # Leaves all as it was, but for the mark that tells whether anything ran DDL.
        connection.execute("ALTER TABLE one.t0 ADD COLUMN passing text; ALTER TABLE one.t0 DROP COLUMN passing")
    again = measure.Contender("inv migrate-status, structure read", command.run)
    fresh = measure.Contender("inv snapshot --json, the same rounds", snapshot.run)
    boot = measure.Contender("boot, sealed", places.boot(project, url).run)
    measure.race([fresh, again, boot], rounds)
    memory = measure.peak_memory(command)
    place.drop(url)
    goals = (
        tables.Goal(f"the check that compares fingerprints : snapshot at {count}", measure.ratio(stored, snapshot), 1),
        tables.Goal(f"the check that reads the structure : snapshot at {count}", measure.ratio(again, fresh), 1),
    )
    return tables.Section(
        f"Check of {count:,} tables against the lock file",
        (*_COLUMNS[:-1], "× snapshot"),
        (*tables.compared([snapshot, stored], snapshot), *tables.compared([fresh, again, boot], fresh)),
        goals if count >= _MANY else (),
        (
            f"Peak memory of the check that reads the structure: {memory:.0f} MiB.",
            "A boot compares the stored fingerprints and reads no structure.",
        ),
    )


def _locked(place: Position, count: int) -> Path:
    """Return a project whose migrations make the tables, with its lock file."""
    project = place.folder / f"structures-{count}"
    project.mkdir()
    listed = ", ".join(f'"{schema}"' for schema in workload.SCHEMAS)
    (project / "pyproject.toml").write_text(_PROJECT.format(schemas=listed))
    (project / "tasks.py").write_text("from schemata.tasks import namespace as ns\n__all__ = ['ns']\n")
    for place_, schema in enumerate(workload.SCHEMAS):
        folder = project / "migrations" / schema
        folder.mkdir(parents=True)
        numbers = [number for number in range(count) if _schema(number) == schema]
        for start in range(0, len(numbers), 50):
            some = numbers[start : start + 50]
            first = "" if start else f"{_function(schema)};\n"
            text = ";\n".join(_table(schema, number) for number in some).replace("bench_reader", "PUBLIC")
            stem = folder / f"{schema}.2025010{1 + place_}{start:06}.tables"
            stem.with_name(f"{stem.name}.sql").write_text(
                f"-- Tables of a benchmark.\n-- irreversible: made once\n{first}{text};\n"
            )
    places.ours(project, "lock", url="").run()
    return project


def _dump(place: Position, url: str) -> measure.Command:
    return measure.Command(
        (str(place.found.program("pg_dump")), "--schema-only", "--restrict-key=x", f"--dbname={url}")
    )
