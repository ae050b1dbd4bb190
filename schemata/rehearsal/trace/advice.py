"""What to write instead, as SQL to paste where the statement tells enough."""

import re
from collections.abc import Sequence

from schemata.rehearsal.trace import effect

BREAKING = (
    "-- Deploy first the release that does not use it any more. Then say so in the leading comment of this file:\n"
    "-- breaking: who used it, and since when nobody does"
)
RENAME = (
    "-- Add the new name beside the old one (a column kept equal by a trigger, a view of the old name), move the\n"
    "-- readers and writers over, and drop the old one in a later migration with the line `-- breaking: …`."
)
SPLIT = (
    "-- One migration for each: what takes the lock is committed, and released, before the long work begins.\n"
    "-- Or `-- mode: statements` in the leading comment: each statement is then a transaction by itself."
)
BACKFILL = (
    "-- `-- mode: statements`, and one statement a batch, so that each is committed by itself:\n"
    "UPDATE … SET … WHERE id IN (SELECT id FROM … WHERE … ORDER BY id LIMIT 5000 FOR UPDATE SKIP LOCKED);"
)
_TYPE = re.compile(r"\bALTER\s+(?:COLUMN\s+)?(\S+)\s+(?:SET\s+DATA\s+)?TYPE\b", re.IGNORECASE)
_NOT_NULL = re.compile(r"\bALTER\s+(?:COLUMN\s+)?(\S+)\s+SET\s+NOT\s+NULL\b", re.IGNORECASE)
_TABLE = re.compile(r"\bTABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?([^\s(;]+)", re.IGNORECASE)
_ON = re.compile(r"\s+ON\s+(?:ONLY\s+)?", re.IGNORECASE)
_INDEX = re.compile(r"\bINDEX\b(?!\s+CONCURRENTLY)", re.IGNORECASE)
_ADD_COLUMN = re.compile(r"\bADD\s+COLUMN\s+(?:IF\s+NOT\s+EXISTS\s+)?(\S+)\s+([^,;]+?)\s+DEFAULT\b", re.IGNORECASE)
_UNIQUE = re.compile(r"\bADD\s+CONSTRAINT\s+(\S+)\s+(UNIQUE|PRIMARY\s+KEY)\s*\(([^)]*)\)", re.IGNORECASE)
_ALONE = "-- in a file of its own, with `-- transactional: false` in the leading comment:\n"


def of_rewrite(node: str, sql: str) -> str:
    """Return how to do without a rewrite under the lock."""
    table = _first(_TABLE, sql, "…")
    if added := _ADD_COLUMN.search(sql):
        column, type_ = added[1], added[2]
        return (
            f"ALTER TABLE {table} ADD COLUMN {column} {type_};\n"
            f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT …;  -- for new rows\n"
            "-- then fill the old rows in batches, in a migration of its own"
        )
    if changed := _TYPE.search(sql):
        return (
            f"ALTER TABLE {table} ADD COLUMN {changed[1]}_new …;  -- the new type\n"
            "-- a trigger keeps both equal; fill the old rows in batches; let readers change over; drop the old column"
        )
    if node in ("vacuum_stmt", "cluster_stmt"):
        return "-- a plain VACUUM, or pg_repack, which locks for moments only"
    if node == "refresh_mat_view_stmt":
        return _ALONE + re.sub(r"\bVIEW\b", "VIEW CONCURRENTLY", sql, count=1, flags=re.IGNORECASE) + ";"
    return "-- Do it in a maintenance window, or build a new table beside the old one and exchange their names."


def of_index(node: str, sql: str, *, of_partition: bool = False) -> str:
    """Return how to build an index without blocking."""
    if of_partition and node == "index_stmt":
        # CONCURRENTLY does not go with a partitioned table.
        return (
            f"{_ON.sub(' ON ONLY ', sql, count=1)};  -- invalid until each partition has one\n"
            f"{_ALONE}CREATE INDEX CONCURRENTLY … ON …;  -- of each partition\n"
            "-- then, in another one, for each:\nALTER INDEX … ATTACH PARTITION …;"
        )
    if node == "index_stmt":
        return f"{_ALONE}{_INDEX.sub('INDEX CONCURRENTLY', sql, count=1)};"
    if match := _UNIQUE.search(sql):
        table, name = _first(_TABLE, sql, "…"), match[1]
        return (
            f"{_ALONE}CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({match[3]});\n"
            f"-- then, in another one:\nALTER TABLE {table} ADD CONSTRAINT {name} {match[2]} USING INDEX {name};"
        )
    return f"{_ALONE}CREATE INDEX CONCURRENTLY …;"


def of_scan(sql: str, effects: Sequence[effect.Effect]) -> str:
    """Return how to check rows without a lock that blocks."""
    table = _first(_TABLE, sql, "…")
    added = [one for one in effects if one.kind == "constraint"]
    if added:
        name = added[0].name
        return (
            f"ALTER TABLE {table} ADD CONSTRAINT {name} … NOT VALID;\n"
            f"-- then, in another migration:\nALTER TABLE {table} VALIDATE CONSTRAINT {name};"
        )
    if match := _NOT_NULL.search(sql):
        name = f"{table.split('.')[-1]}_{match[1]}_not_null"
        return (
            f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({match[1]} IS NOT NULL) NOT VALID;\n"
            f"-- then, in another migration:\nALTER TABLE {table} VALIDATE CONSTRAINT {name};\n"
            f"-- then, which reads no row any more:\nALTER TABLE {table} ALTER COLUMN {match[1]} SET NOT NULL;\n"
            f"ALTER TABLE {table} DROP CONSTRAINT {name};"
        )
    if re.search(r"\bATTACH\s+PARTITION\b", sql, re.IGNORECASE):
        return (
            "-- First a CHECK on the table that says what the partition's bounds say, NOT VALID; validated in another\n"
            "-- migration: then ATTACH PARTITION reads no row."
        )
    return SPLIT


def of_dropped_index(sql: str) -> str:
    """Return how to drop an index without waiting under a lock."""
    if not re.match(r"\s*DROP\s+INDEX\b", sql, re.IGNORECASE) or "concurrently" in sql.lower():
        return ""
    return f"{_ALONE}{_INDEX.sub('INDEX CONCURRENTLY', sql, count=1)};"


def of_failure(sqlstate: str, sql: str) -> str:
    """Return the way around a failure that every database with rows has."""
    match sqlstate:
        case "23502" | "23514":
            return "-- Add it without NOT NULL or with NOT VALID, fill or correct the rows, then require it."
        case "2BP01":
            return "-- Drop or change first what depends on it, by name; CASCADE drops what nobody has looked at."
        case "55P04":
            return "-- Add the value in a migration of its own: it can be used only after the COMMIT."
        case "25001":
            return _ALONE + sql.rstrip(";") + ";"
        case _:
            return ""


def index_for(table: str, columns: str) -> str:
    """Return the index for a foreign key."""
    name = f"idx_{table.split('.')[-1]}_{'_'.join(part.strip() for part in columns.split(','))}"
    return f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} ({columns});"


def _first(pattern: re.Pattern[str], sql: str, otherwise: str) -> str:
    match = pattern.search(sql)
    return match[1] if match else otherwise
