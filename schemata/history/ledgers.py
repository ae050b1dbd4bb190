"""The tables in which other migration tools record what they applied, known by name and by a column."""

import dataclasses
from collections.abc import Collection


@dataclasses.dataclass(frozen=True)
class Ledger:
    """How one tool records: its table, a column that only its table has, and what is the last entry.

    :param entry: SQL of what an entry is called; :param order: SQL that puts the last one first.
    """

    tool: str
    table: str
    column: str
    entry: str
    order: str
    schema: str = ""


@dataclasses.dataclass(frozen=True)
class ExistingLedger:
    """A ledger in a database. `entries` is None where this role may not read it, or where it is locked."""

    tool: str
    schema: str
    table: str
    entries: int | None = None
    last: str = ""

    def describe(self) -> str:
        """Return it in words.

        >>> ExistingLedger("Prisma", "public", "_prisma_migrations", 2, "20240101_init").describe()
        'public._prisma_migrations of Prisma (2 entries, the last is 20240101_init)'
        """
        if self.entries is None:
            count = "not readable for this role"
        else:
            count = f"{self.entries} entr{'y' if self.entries == 1 else 'ies'}"
        last = f", the last is {self.last}" if self.last else ""
        return f"{self.schema}.{self.table} of {self.tool} ({count}{last})"


#: How the settings and commands write the tools whose histories can be adopted, and what `KNOWN` calls each.
ADOPTED = {
    "prisma": "Prisma",
    "flyway": "Flyway",
    "sqitch": "Sqitch",
    "dbmate": "dbmate or Rails",
    "alembic-sql": "Alembic",
    "goose": "goose",
    "golang-migrate": "golang-migrate",
    "diesel": "Diesel",
    "sqlx": "SQLx",
    "drizzle": "Drizzle",
    "node-pg-migrate": "node-pg-migrate",
    "supabase": "Supabase",
}
#: A history of ours in another schema than the settings say.
OURS = "this program itself, in another history_schema than the settings name"

#: Where two tools share a table's name, the one with the rarer column comes first.
KNOWN = (
    Ledger("Prisma", "_prisma_migrations", "migration_name", "migration_name", "started_at DESC"),
    Ledger("Flyway", "flyway_schema_history", "installed_rank", "script", "installed_rank DESC"),
    Ledger("Flyway", "schema_version", "installed_rank", "script", "installed_rank DESC"),
    Ledger("tern", "schema_version", "version", "version", "version DESC"),
    Ledger("Alembic", "alembic_version", "version_num", "version_num", "version_num DESC"),
    Ledger("Sqitch", "changes", "change_id", "change", "committed_at DESC", schema="sqitch"),
    Ledger("Supabase", "schema_migrations", "version", "version", "version DESC", schema="supabase_migrations"),
    Ledger("golang-migrate", "schema_migrations", "dirty", "version", "version DESC"),
    Ledger("Ecto", "schema_migrations", "inserted_at", "version", "version DESC"),
    Ledger("dbmate or Rails", "schema_migrations", "version", "version", "version DESC"),
    Ledger("Knex", "knex_migrations", "migration_time", "name", "id DESC"),
    Ledger("Liquibase", "databasechangelog", "orderexecuted", "id", "orderexecuted DESC"),
    Ledger("Django", "django_migrations", "app", "app || '.' || name", "id DESC"),
    Ledger("goose", "goose_db_version", "version_id", "version_id", "id DESC"),
    Ledger("yoyo", "_yoyo_migration", "migration_hash", "migration_id", "applied_at_utc DESC"),
    Ledger("Atlas", "atlas_schema_revisions", "version", "version", "version DESC"),
    Ledger("Sequelize", "SequelizeMeta", "name", "name", "name DESC"),
    Ledger("Laravel", "migrations", "batch", "migration", "id DESC"),
    Ledger("db-migrate", "migrations", "run_on", "name", "id DESC"),
    Ledger("TypeORM", "migrations", "timestamp", "name", "id DESC"),
    Ledger("graphile-migrate", "migrations", "previous_hash", "filename", "date DESC", schema="graphile_migrate"),
    Ledger("pgroll", "migrations", "resulting_schema", "name", "created_at DESC", schema="pgroll"),
    Ledger("node-pg-migrate", "pgmigrations", "run_on", "name", "id DESC"),
    Ledger("Drizzle", "__drizzle_migrations", "hash", "hash", "created_at DESC"),
    Ledger("Entity Framework", "__EFMigrationsHistory", "MigrationId", '"MigrationId"', '"MigrationId" DESC'),
    Ledger("Kysely", "kysely_migration", "timestamp", "name", "timestamp DESC"),
    Ledger("MikroORM", "mikro_orm_migrations", "executed_at", "name", "id DESC"),
    Ledger("Refinery", "refinery_schema_history", "version", "name", "version DESC"),
    Ledger("Diesel", "__diesel_schema_migrations", "version", "version", "version DESC"),
    Ledger("SQLx", "_sqlx_migrations", "version", "description", "version DESC"),
    Ledger("Doctrine", "doctrine_migration_versions", "version", "version", "version DESC"),
    Ledger("Phinx", "phinxlog", "migration_name", "migration_name", "version DESC"),
)


def recognise(schema: str, table: str, columns: Collection[str]) -> Ledger | None:
    """Return whose ledger a table is, or None when it is of no tool that is known.

    >>> recognise("public", "schema_migrations", ["version", "dirty"]).tool
    'golang-migrate'
    >>> recognise("public", "migrations", ["id", "bird"]) is None
    True
    """
    for ledger in KNOWN:
        if table == ledger.table and ledger.column in columns and ledger.schema in ("", schema):
            return ledger
    return None
