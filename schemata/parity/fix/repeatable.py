"""Statements that change nothing where they have nothing to do.

A fix is a migration: it runs on the database that differs, and later on every fresh one, where the migrations before it
have made all of it already. PostgreSQL has IF EXISTS and IF NOT EXISTS for much; for the rest a block passes over what
is there.
"""

import itertools

from schemata.parity.fix.ddl import names
from schemata.snapshot import model

_DROPPED = (
    "ACCESS METHOD", "AGGREGATE", "CAST", "COLLATION", "CONVERSION", "DOMAIN", "EVENT TRIGGER", "EXTENSION",
    "FOREIGN DATA WRAPPER", "FOREIGN TABLE", "FUNCTION", "INDEX CONCURRENTLY", "INDEX", "LANGUAGE", "MATERIALIZED VIEW",
    "OPERATOR CLASS", "OPERATOR FAMILY", "OPERATOR", "POLICY", "PROCEDURE", "PUBLICATION", "RULE", "SCHEMA", "SEQUENCE",
    "SERVER", "STATISTICS", "TABLE", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE", "TRANSFORM", "TRIGGER", "TYPE", "USER MAPPING", "VIEW",
)  # fmt: skip
_CREATED = (
    "COLLATION", "EXTENSION", "FOREIGN TABLE", "INDEX CONCURRENTLY", "INDEX", "MATERIALIZED VIEW", "SCHEMA", "SEQUENCE",
    "SERVER", "STATISTICS", "TABLE", "UNIQUE INDEX CONCURRENTLY", "UNIQUE INDEX", "UNLOGGED SEQUENCE", "UNLOGGED TABLE",
    "USER MAPPING",
)  # fmt: skip
_REPLACED = ("AGGREGATE", "FUNCTION", "LANGUAGE", "PROCEDURE", "RULE", "TRANSFORM", "TRIGGER", "VIEW")
#: What PostgreSQL says of something that is there, or that is so, already.
_ALREADY = (
    "duplicate_object", "duplicate_table", "duplicate_function", "duplicate_column", "duplicate_schema",
    "unique_violation", "invalid_table_definition", "object_not_in_prerequisite_state", "wrong_object_type",
)  # fmt: skip


#: Statements that add something and have no form of their own for what is there.
_ONCE = ("ALTER PUBLICATION ", "ALTER OPERATOR FAMILY ", "ALTER TEXT SEARCH CONFIGURATION ", "ALTER INDEX ")


def statement(item: model.Item, sql: str) -> str:
    """Return a statement about an item in a form that may run where it has nothing to do."""
    if sql.startswith("--"):
        return sql
    if sql.startswith("DROP "):
        return _headed(sql, "DROP", _DROPPED, "IF EXISTS") or sql
    if sql.startswith("CREATE "):
        if sql.startswith("CREATE OR REPLACE "):
            return sql
        for kind in _REPLACED:
            if sql.startswith(f"CREATE {kind} "):
                return f"CREATE OR REPLACE {sql.removeprefix('CREATE ')}"
        found = _headed(sql, "CREATE", _CREATED, "IF NOT EXISTS")
        return passing(sql) if found is None else found
    return _altered(item, sql)


def _headed(sql: str, verb: str, kinds: tuple[str, ...], words: str) -> str | None:
    """Return a statement with these words behind its verb and kind; None where it has another kind."""
    for kind in sorted(kinds, key=len, reverse=True):
        head = f"{verb} {kind} "
        if sql.startswith(head):
            return sql if sql.startswith(f"{head}{words} ") else f"{head}{words} {sql.removeprefix(head)}"
    return None


def _altered(item: model.Item, sql: str) -> str:
    found = _passed(item, sql)
    if found:
        return found
    relation = names.relation(item)
    own = names.qualified(item.schema, item.name)
    for head in (f"ALTER TABLE {relation} ", f"ALTER TABLE ONLY {relation} ", f"ALTER FOREIGN TABLE {relation} "):
        if not sql.startswith(head):
            continue
        rest = sql.removeprefix(head)
        if rest.startswith("ADD COLUMN "):
            return f"{head}ADD COLUMN IF NOT EXISTS {rest.removeprefix('ADD COLUMN ')}"
        for part in ("DROP COLUMN ", "DROP CONSTRAINT "):
            if rest.startswith(part) and not rest.startswith(f"{part}IF EXISTS "):
                return f"{head}{part}IF EXISTS {rest.removeprefix(part)}"
        column = f"ALTER COLUMN {names.quoted(item.name)} "
        # What is of no type is not a typed table: NOT OF says that it is so already.
        once = rest.startswith(("ADD ", "INHERIT ", "NOT OF"))
        if rest.startswith("NO INHERIT "):
            # What the table is no longer a child of is "not a parent of" it.
            return passing(sql, "undefined_table")
        return passing(sql) if once or rest.removeprefix(column).startswith("ADD GENERATED ") else sql
    for head in (f"ALTER TYPE {relation} ", f"ALTER TYPE {own} ", f"ALTER DOMAIN {relation} ", f"ALTER DOMAIN {own} "):
        if not sql.startswith(head):
            continue
        rest = sql.removeprefix(head)
        if rest.startswith("ADD VALUE "):
            return f"{head}ADD VALUE IF NOT EXISTS {rest.removeprefix('ADD VALUE ')}"
        for part in ("DROP ATTRIBUTE ", "DROP CONSTRAINT "):
            if rest.startswith(part):
                return f"{head}{part}IF EXISTS {rest.removeprefix(part)}"
        if head.startswith("ALTER DOMAIN ") and rest.startswith('ADD CONSTRAINT "'):
            return _added_to_domain(head.removeprefix("ALTER DOMAIN ").strip(), rest, sql)
        return passing(sql) if rest.startswith("ADD ") else sql
    return passing(sql) if sql.startswith(_ONCE) else sql


def _added_to_domain(domain: str, rest: str, sql: str) -> str:
    """Return ALTER DOMAIN … ADD CONSTRAINT where there is none of that name.

    Asked, and not tried: after DROP CONSTRAINT in the same transaction PostgreSQL starts no subtransaction any more,
    which a block with EXCEPTION is ("cannot start a subtransaction when there are unprocessed inval messages").
    """
    name = names.parts(rest.removeprefix("ADD CONSTRAINT ").split(" CHECK ")[0].split(" NOT NULL")[0])[-1]
    tag = _tag(sql)
    return (
        f"DO {tag} BEGIN\nIF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE contypid ="
        f" {names.literal(domain)}::pg_catalog.regtype AND conname = {names.literal(name)}) THEN\n"
        f"{sql}\nEND IF;\nEND {tag};"
    )


def _passed(item: model.Item, sql: str) -> str:
    """Return a statement that takes something away, or gives it away, where it may be gone; nothing for any other."""
    if sql.startswith("ALTER TABLE ") and " ATTACH PARTITION " in sql:
        return passing(sql)
    if sql.startswith("ALTER TABLE ") and " DETACH PARTITION " in sql:
        # What is no partition of the table any more is no such relation.
        return passing(sql, "undefined_table")
    if sql.startswith(("ALTER TABLE ", "ALTER DOMAIN ")) and " RENAME CONSTRAINT " in sql:
        # There is none of the old name where it has the new one.
        return passing(sql, "undefined_object")
    if sql.startswith(("ALTER FOREIGN ", "ALTER SERVER ", "ALTER USER MAPPING ")) and " OPTIONS (" in sql:
        return passing(sql, "undefined_object")
    address = names.address(item)
    if sql.startswith((f"ALTER PUBLICATION {address} DROP ", f"ALTER OPERATOR FAMILY {address} DROP")):
        return passing(sql, "undefined_object")
    return ""


def passing(sql: str, *others: str) -> str:
    """Return a block that runs a statement and passes over what is there already, and over these conditions."""
    tag = _tag(sql)
    conditions = " OR ".join((*_ALREADY, *others))
    return f"DO {tag} BEGIN\n{sql}\nEXCEPTION WHEN {conditions} THEN\n    NULL; -- it is so already\nEND {tag};"


def _tag(sql: str) -> str:
    """Return a dollar quote that a statement does not hold."""
    return next(f"$fix{number or ''}$" for number in itertools.count() if f"$fix{number or ''}$" not in sql)
