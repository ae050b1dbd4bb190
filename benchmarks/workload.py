"""Migrations for a benchmark, the same for every tool: CREATE TABLE with an identity key, and CREATE INDEX."""

import datetime
from collections.abc import Iterator
from pathlib import Path

SCHEMAS = ("one", "two", "three", "four")
_START = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)


def migrations(count: int) -> Iterator[tuple[str, str, str, str, str]]:
    """Give (schema, time, slug, SQL, SQL of the rollback) of each migration, over four schemas in turn."""
    for number in range(count):
        schema = SCHEMAS[number % len(SCHEMAS)]
        time = (_START + datetime.timedelta(seconds=number)).strftime("%Y%m%d%H%M%S")
        table = f"t{number:05}"
        sql = (
            f"CREATE TABLE {schema}.{table} (\n"
            "    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n"
            "    name text NOT NULL,\n"
            "    created_at timestamptz NOT NULL DEFAULT now()\n"
            f");\nCREATE INDEX {table}_created_at ON {schema}.{table} (created_at, id);\n"
        )
        yield schema, time, f"create_{table}", sql, f"DROP TABLE {schema}.{table};\n"


def project(folder: Path, count: int) -> Path:
    """Write a project of ours with these migrations, which yoyo reads too; return its folder."""
    listed = ", ".join(f'"{schema}"' for schema in SCHEMAS)
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[tool.schemata]\nname = "bench"\nschemas = [{listed}]\n')
    (folder / "tasks.py").write_text("from schemata.tasks import namespace as ns\n__all__ = ['ns']\n")
    for schema in SCHEMAS:
        (folder / "migrations" / schema).mkdir(parents=True)
    for schema, time, slug, sql, rollback in migrations(count):
        stem = folder / "migrations" / schema / f"{schema}.{time}.{slug}"
        stem.with_name(f"{stem.name}.sql").write_text(f"-- Create a table.\n{sql}")
        stem.with_name(f"{stem.name}.rollback.sql").write_text(rollback)
    return folder


def last_id(count: int) -> str:
    """Return the id of the last migration, as ours call it."""
    schema, time, slug, _, _ = list(migrations(count))[-1]
    return f"{schema}.{time}.{slug}"


def for_dbmate(folder: Path, count: int) -> Path:
    """Write the same migrations for dbmate."""
    folder.mkdir(parents=True)
    for _, time, slug, sql, rollback in migrations(count):
        (folder / f"{time}_{slug}.sql").write_text(f"-- migrate:up\n{sql}\n-- migrate:down\n{rollback}")
    return folder


def for_alembic(folder: Path, count: int) -> Path:
    """Write the same migrations for alembic, each in a transaction of its own; return the folder of alembic.ini."""
    versions = folder / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n")
    (folder / "env.py").write_text(
        "import os\n"
        "import sqlalchemy\n"
        "from alembic import context\n"
        "engine = sqlalchemy.create_engine(os.environ['BENCH_URL'], poolclass=sqlalchemy.pool.NullPool)\n"
        "with engine.connect() as connection:\n"
        "    context.configure(connection=connection, transaction_per_migration=True)\n"
        "    with context.begin_transaction():\n"
        "        context.run_migrations()\n"
    )
    before = None
    for _, time, slug, sql, rollback in migrations(count):
        (versions / f"{time}_{slug}.py").write_text(
            f"from alembic import op\nrevision = {time!r}\ndown_revision = {before!r}\n"
            f"def upgrade():\n    op.execute({sql!r})\n"
            f"def downgrade():\n    op.execute({rollback!r})\n"
        )
        before = time
    return folder


def for_psql(path: Path, count: int) -> Path:
    """Write one file for psql: a transaction for each migration, with its row in a ledger."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["CREATE TABLE public.ledger (id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());"]
    for schema, time, slug, sql, _ in migrations(count):
        lines += ["BEGIN;", sql, f"INSERT INTO public.ledger (id) VALUES ('{schema}.{time}.{slug}');", "COMMIT;"]
    path.write_text("\n".join(lines) + "\n")
    return path
