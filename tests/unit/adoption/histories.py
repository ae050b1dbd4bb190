"""Small histories of every tool, written for these tests: folders as values."""

from schemata.adoption import model
from schemata.adoption.readers import reading


def tree(files: dict[str, str | bytes]) -> model.Tree:
    """Return a folder with these files."""
    return model.Tree("there", {path: text.encode() if isinstance(text, str) else text for path, text in files.items()})


def history(tool: str, files: dict[str, str | bytes]) -> model.History:
    """Return what the tool's reader makes of these files."""
    return reading.of_tree(tool, tree(files))


PRISMA: dict[str, str | bytes] = {
    "migration_lock.toml": '# a comment\nprovider = "postgresql"\n',
    "20240101000000_init/migration.sql": "CREATE TABLE a (i int);\n",
    "20240101000000_init/down.sql": "DROP TABLE a;\n",
    "20240102000000_more/migration.sql": "ALTER TABLE a ADD j int;\n",
}
FLYWAY: dict[str, str | bytes] = {
    "V1.10__ten.sql": "CREATE TABLE ten (i int);\n",
    "V1_9__nine.sql": "CREATE TABLE nine (i int);\n",
    "V2__index.sql": "CREATE INDEX CONCURRENTLY i ON ten (i);\n",
    "V2__index.sql.conf": "executeInTransaction=false\n",
    "U1.10__ten.sql": "DROP TABLE ten;\n",
    "R__b_view.sql": "CREATE VIEW b AS SELECT 1;\n",
    "R__a_view.sql": "CREATE VIEW a AS SELECT 1;\n",
    "afterMigrate.sql": "ANALYZE;\n",
}
SQITCH: dict[str, str | bytes] = {
    "sqitch.conf": "[core]\n\tengine = pg\n\ttop_dir = db\n",
    "db/sqitch.plan": (
        "%syntax-version=1.0.0\n%project=shop\n%uri=https://example.org/shop/\n\n"
        "schema 2024-01-01T00:00:00Z Ann <ann@example.org> # The schema\n"
        "api/users [schema !old] 2024-01-02T00:00:00Z Ann <ann@example.org> # Users\n"
        "@v1 2024-01-03T00:00:00Z Ann <ann@example.org> # Tag\n"
        "\n"
        "api/users [api/users@v1] 2024-01-04T00:00:00Z Ann <ann@example.org> # Users again\n"
    ),
    "db/deploy/schema.sql": "BEGIN;\nCREATE SCHEMA shop;\nCOMMIT;\n",
    "db/revert/schema.sql": "DROP SCHEMA shop;\n",
    "db/verify/schema.sql": "SELECT 1;\n",
    "db/deploy/api/users@v1.sql": "CREATE TABLE shop.users (i int);\n",
    "db/revert/api/users@v1.sql": "DROP TABLE shop.users;\n",
    "db/deploy/api/users.sql": "ALTER TABLE shop.users ADD j int;\n",
}
DBMATE: dict[str, str | bytes] = {
    "20240101000000_init.sql": "-- migrate:up\nCREATE TABLE a (i int);\n\n-- migrate:down\nDROP TABLE a;\n",
    "20240102000000_index.sql": (
        "-- a note\n-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY i ON a (i);\n"
        "-- migrate:down transaction:false\nDROP INDEX CONCURRENTLY i;\n"
    ),
    "README.sql": "no migration",
}
ALEMBIC: dict[str, str | bytes] = {
    "up.sql": (
        "BEGIN;\n\nCREATE TABLE alembic_version (\n    version_num VARCHAR(32) NOT NULL, \n"
        "    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)\n);\n\n"
        "-- Running upgrade  -> aaa\n\nCREATE TABLE account (version_num int);\n\n"
        "INSERT INTO account VALUES (1);\n\n"
        "INSERT INTO alembic_version (version_num) VALUES ('aaa') RETURNING alembic_version.version_num;\n\n"
        "-- Running upgrade aaa -> bbb\n\nALTER TABLE account ADD x int;\n\nCOMMIT;\n\n"
        "CREATE INDEX CONCURRENTLY i ON account (x);\n\nBEGIN;\n\nALTER TABLE account ADD y int;\n\n"
        "UPDATE alembic_version SET version_num='bbb' WHERE alembic_version.version_num = 'aaa';\n\nCOMMIT;\n\n"
    ),
    "down.sql": (
        "BEGIN;\n\n-- Running downgrade bbb -> aaa\n\nALTER TABLE account DROP x, DROP y;\n\n"
        "UPDATE alembic_version SET version_num='aaa' WHERE alembic_version.version_num = 'bbb';\n\n"
        "-- Running downgrade aaa -> \n\nDROP TABLE account;\n\n"
        "DELETE FROM alembic_version WHERE alembic_version.version_num = 'aaa';\n\nCOMMIT;\n\n"
    ),
}
GOOSE: dict[str, str | bytes] = {
    "9_first.sql": "-- +goose Up\nCREATE TABLE a (i int);\n-- +goose Down\nDROP TABLE a;\n",
    "10_function.sql": (
        "-- +goose Up\n-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n  SELECT 1;\n$$;\n"
        "-- +goose StatementEnd\n\n-- +goose Down\nDROP FUNCTION f();\n"
    ),
    "11_index.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY i ON a (i);\n",
    "11_index_test.go": "package x",
}
GOLANG_MIGRATE: dict[str, str | bytes] = {
    "10_b.up.sql": "CREATE TABLE b (i int);\n",
    "10_b.down.sql": "DROP TABLE b;\n",
    "9_a.up.sql": "CREATE TABLE a (i int);\n",
    "readme.sql": "no",
}
DIESEL: dict[str, str | bytes] = {
    "2024-01-02-000000_index/up.sql": "CREATE INDEX CONCURRENTLY i ON a (i);\n",
    "2024-01-02-000000_index/down.sql": "DROP INDEX i;\n",
    "2024-01-02-000000_index/metadata.toml": "run_in_transaction = false\n",
    "20240101000000_init/up.sql": "CREATE TABLE a (i int);\n",
    "20240101000000_init/down.sql": "",
}
SQLX: dict[str, str | bytes] = {
    "20240101000000_init.sql": "CREATE TABLE a (i int);\n",
    "20240102000000_index.up.sql": "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON a (i);\n",
    "20240102000000_index.down.sql": "DROP INDEX i;\n",
}
DRIZZLE: dict[str, str | bytes] = {
    "meta/_journal.json": (
        '{"version": "7", "dialect": "postgresql", "entries": ['
        '{"idx": 0, "version": "7", "when": 1700000000000, "tag": "0000_cool_name", "breakpoints": true},'
        '{"idx": 1, "version": "7", "when": 1700000001000, "tag": "0001_next", "breakpoints": true}]}'
    ),
    "0000_cool_name.sql": "CREATE TABLE a (i int)\n--> statement-breakpoint\nCREATE TABLE b (i int);",
    "0001_next.sql": "ALTER TABLE a ADD j int;--> statement-breakpoint\nALTER TABLE a ADD k int;",
    "0002_not_listed.sql": "SELECT 1;",
}
NODE: dict[str, str | bytes] = {
    "1700000000000_second.sql": "-- Up Migration\nCREATE TABLE b (i int);\n-- Down Migration\nDROP TABLE b;\n",
    "20230101000000000_first.sql": "CREATE TABLE a (i int);\n",
    ".hidden.sql": "no",
}
SUPABASE: dict[str, str | bytes] = {
    "20210101000000_init.sql": "SELECT 'old';",
    "20240101000000_a.sql": "CREATE TABLE a (i int);\n",
    "20240101000000_b.sql": "CREATE TABLE b (i int);\n",
    "notes.sql": "no",
}
FOLDER: dict[str, str | bytes] = {
    "10_b.sql": "CREATE TABLE b (i int);\n",
    "2_a.up.sql": "CREATE TABLE a (i int);\n",
    "2_a.down.sql": "DROP TABLE a;\n",
    "later/10_b.sql": "CREATE TABLE c (i int);\n",
}

ALL = {
    "prisma": PRISMA, "flyway": FLYWAY, "sqitch": SQITCH, "dbmate": DBMATE, "alembic-sql": ALEMBIC, "goose": GOOSE,
    "golang-migrate": GOLANG_MIGRATE, "diesel": DIESEL, "sqlx": SQLX, "drizzle": DRIZZLE, "node-pg-migrate": NODE,
    "supabase": SUPABASE, "folder": FOLDER,
}  # fmt: skip
