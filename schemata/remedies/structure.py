"""Remedies for changes of structure that PostgreSQL does not do as they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.remedies import remedy, rewriting

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

_DEPENDENT = re.compile(r"(?P<kind>[a-z ]+?) (?P<what>\S+)(?: (?:on|of) (?P<of>[a-z ]+) (?P<on>\S+))? depends on .*")
_DROPPED = ("view", "materialized view", "table", "foreign table", "sequence", "type", "domain", "index", "schema")


def _about_relation(case: remedy.Case) -> Mapping[str, str]:
    return {"relation": case.on()}


def _partitions(case: remedy.Case) -> str:
    if len(case.answers) < 1 or case.parsed is None:
        return ""
    statements = rewriting.partitioned_index(case.parsed.node, case.schema, case.answers)
    return remedy.paste(
        f"{case.on()} is partitioned, and PostgreSQL builds no index on a partitioned table concurrently. Build one on "
        "each partition, then attach them; in this file, which stays `-- transactional: false`, in place of the "
        "statement:",
        *statements,
    )


def _drop_one_by_one(case: remedy.Case) -> str:
    exists = "IF EXISTS " if case.part().missing_ok else ""
    names = [remedy.name(*rewriting.words(item.list.items)) for item in case.part().objects]
    return remedy.paste(
        "DROP INDEX CONCURRENTLY takes one index at a time, and no CASCADE:",
        *(f"DROP INDEX CONCURRENTLY {exists}{one};" for one in names),
    )


def _drop_partitioned_index(case: remedy.Case) -> str:
    names = [remedy.name(*rewriting.words(item.list.items)) for item in case.part().objects]
    return remedy.paste(
        "An index of a partitioned table cannot be dropped concurrently. Drop it in the ordinary way, which waits for "
        "the table and blocks it for a moment:",
        *(f"DROP INDEX {one};" for one in names),
    )


def _views(case: remedy.Case) -> str:
    """Return DROP, the statement and CREATE of the views that stand on the column, the last made first."""
    if not case.answers:
        return ""
    drops = [f"DROP {kind} {view};" for kind, view, _ in reversed(case.answers)]
    makes = [f"CREATE {kind} {view} AS\n{definition}" for kind, view, definition in case.answers]
    return remedy.paste(
        "Drop the views that read the column, change it, and make them again; then write their comments, grants, "
        "options, indexes and triggers again, if they have any:",
        *drops,
        f"{case.text};",
        *makes,
    )


def _about_column(case: remedy.Case) -> Mapping[str, str]:
    columns = [
        command.alter_table_cmd.name
        for command in case.part().cmds
        if command.alter_table_cmd.subtype in (pg.AT_AlterColumnType, pg.AT_DropColumn)
    ]
    return {"relation": case.on(), "column": columns[0] if len(columns) == 1 else ""}


def _dependents(case: remedy.Case) -> str:
    """Return one statement for each dependent object that the server lists."""
    drops: list[str] = []
    rest: list[str] = []
    for line in case.detail.splitlines():
        found = _DEPENDENT.fullmatch(line)
        made = _drop_of(found) if found else ""
        (drops if made else rest).append(made or line)
    if not drops:
        return ""
    more = f"\nAnd see to: {'; '.join(rest)}" if rest else ""
    return (
        remedy.paste(
            "Drop what depends on it first, in this file, which then shows what is dropped (and create again below it "
            "what has to stay). CASCADE would drop the same objects without naming them:",
            *dict.fromkeys(reversed(drops)),
        )
        + more
    )


def _drop_of(match: re.Match[str]) -> str:
    kind, what, on = match["kind"], match["what"], match["on"]
    if kind in _DROPPED and not on:
        return f"DROP {kind.upper()} {what};"
    if kind in ("function", "procedure", "aggregate") and not on:
        return f"DROP {kind.upper()} {what};"
    if kind == "constraint" and on:
        return f"ALTER {(match['of'] or 'table').upper()} {on} DROP CONSTRAINT {what};"
    if kind in ("trigger", "policy", "rule") and on and what != "_RETURN":
        return f"DROP {kind.upper()} {what} ON {on};"
    if kind == "rule" and on:
        return f"DROP {match['of'].upper()} {on};"
    if kind == "column" and on:
        return f"ALTER TABLE {on} DROP COLUMN {what};  -- its values are lost"
    column = re.fullmatch(r"default value for column (\S+) of table (\S+) depends on .*", match[0])
    return f"ALTER TABLE {column[2]} ALTER COLUMN {column[1]} DROP DEFAULT;" if column else ""


def _replaced_view(case: remedy.Case) -> str:
    view = case.part().view
    qualified = remedy.name(view.schemaname or case.schema, view.relname)
    return remedy.paste(
        "CREATE OR REPLACE VIEW may only add columns at the end. Put this in front of the statement; grants, comments "
        "and triggers of the view are to be written again below it:",
        f"DROP VIEW {qualified};",
    )


def _replaced_function(case: remedy.Case) -> str:
    found = re.search(r"Use (DROP \w+ .*) first", case.hint)
    made = found[1] if found else ""
    return made and remedy.paste(
        "CREATE OR REPLACE cannot change what a function returns, nor the names of its parameters. Put this in front "
        "of the statement, and write the function's grants again below it:",
        f"{made};",
    )


def _second_primary_key(case: remedy.Case) -> str:
    if not case.answers:
        return ""
    return remedy.paste(
        f"{case.on()} has a primary key. To have another one, drop that one in front of the statement (foreign keys "
        "that point to it have to go before it):",
        f"ALTER TABLE {case.on()} DROP CONSTRAINT {remedy.name(str(case.answers[0][0]))};",
    )


def _partition_key(case: remedy.Case) -> str:
    key = case.answers[0][0] if case.answers else ""
    columns = f" ({key})" if key else ""
    return (
        f"A partitioned table's unique constraint or primary key must have all columns of its partition key{columns}: "
        "add them to the constraint's columns, or put the unique constraint on each partition."
    )


def _default_in_the_way(case: remedy.Case) -> str:
    alter = [c.alter_table_cmd for c in case.part().cmds if c.alter_table_cmd.name == case.names["of"]]
    if not alter or not case.on():
        return ""
    column = remedy.name(alter[0].name)
    return remedy.paste(
        "The column's default cannot be converted with it. Drop it, change the type, and set the new default:",
        f"ALTER TABLE {case.on()} ALTER COLUMN {column} DROP DEFAULT;",
        f"{case.text};",
        f"-- ALTER TABLE {case.on()} ALTER COLUMN {column} SET DEFAULT ...;",
    )


def _using(case: remedy.Case) -> str:
    commands = [c.alter_table_cmd for c in case.part().cmds]
    alter = [c for c in commands if c.subtype == pg.AT_AlterColumnType and c.name == case.names["of"]]
    if not alter or not case.on():
        return ""
    column, kind = remedy.name(alter[0].name), rewriting.type_name(getattr(alter[0], "def").column_def.type_name)
    return remedy.paste(
        "Say how the values are to be converted:",
        f"ALTER TABLE {case.on()} ALTER COLUMN {column} TYPE {kind} USING {column}::{kind};",
    )


def _referenced_key(case: remedy.Case) -> str:
    altered = case.parsed if case.node == "alter_table_stmt" else None
    for constraint in rewriting.added_constraints(altered.node) if altered is not None else ():
        if constraint.contype == pg.CONSTR_FOREIGN:
            parent = remedy.name(constraint.pktable.schemaname or case.schema, constraint.pktable.relname)
            columns = ", ".join(remedy.name(word) for word in rewriting.words(constraint.pk_attrs))
            if columns:
                return remedy.paste(
                    "A foreign key needs a unique constraint on the columns that it points to. In front of it:",
                    f"ALTER TABLE {parent} ADD UNIQUE ({columns});",
                )
    return "A foreign key needs a primary key or unique constraint on exactly the columns that it points to: add that."


ROWS = (
    remedy.Remedy(
        "index-on-partitioned-table",
        "0A000",
        _partitions,
        nodes=("index_stmt",),
        message="concurrently",
        question="partition_tree",
        about=_about_relation,
    ),
    remedy.Remedy(
        "drop-partitioned-index",
        "0A000",
        _drop_partitioned_index,
        nodes=("drop_stmt",),
        message="partitioned index .* concurrently",
    ),
    remedy.Remedy(
        "drop-several-indexes",
        "0A000",
        _drop_one_by_one,
        nodes=("drop_stmt",),
        message="CONCURRENTLY does not support",
    ),
    remedy.Remedy(
        "detach-with-default-partition",
        "55000",
        "A partitioned table with a DEFAULT partition cannot detach another one concurrently. Write DETACH PARTITION "
        "without CONCURRENTLY, in a transactional migration of its own: it blocks the table for a moment.",
        nodes=("alter_table_stmt",),
        message="default partition",
    ),
    remedy.Remedy(
        "column-of-a-view",
        "0A000",
        _views,
        nodes=("alter_table_stmt",),
        message="used by a view or rule",
        question="views_of_column",
        about=_about_column,
    ),
    remedy.Remedy(
        "column-of-another-object",
        "0A000",
        "Drop what the detail above names, change the column, and make it again, all in this file.",
        nodes=("alter_table_stmt",),
        message="cannot alter type of a column",
    ),
    remedy.Remedy(
        "unique-without-partition-key",
        "0A000",
        _partition_key,
        message="unique constraint on partitioned table|on partitioned table must include",
        question="partition_key",
        about=_about_relation,
    ),
    remedy.Remedy(
        "dependent-objects", "2BP01", _dependents, nodes=("drop_stmt", "alter_table_stmt", "alter_domain_stmt")
    ),
    remedy.Remedy(
        "role-owns-objects",
        "2BP01",
        "A role that owns something, or was granted something, cannot be dropped. In each database, as a superuser:\n"
        "    REASSIGN OWNED BY {of} TO {role};\n"
        "    DROP OWNED BY {of};",
        message='role "(?P<of>.+)" cannot be dropped',
    ),
    remedy.Remedy("replaced-view", "42P16", _replaced_view, nodes=("view_stmt",)),
    remedy.Remedy("replaced-function", "42P13", _replaced_function, nodes=("create_function_stmt",)),
    remedy.Remedy(
        "second-primary-key",
        "42P16",
        _second_primary_key,
        message="multiple primary keys",
        question="primary_key",
        about=_about_relation,
    ),
    remedy.Remedy(
        "column-of-primary-key",
        "42P16",
        "A column of a primary key is NOT NULL. Drop the primary key first, or leave the column as it is.",
        message="is in a primary key",
    ),
    remedy.Remedy(
        "default-cannot-be-cast",
        "42804",
        _default_in_the_way,
        nodes=("alter_table_stmt",),
        message='default for column "(?P<of>.+)" cannot be cast',
    ),
    remedy.Remedy(
        "type-needs-using",
        "42804",
        _using,
        nodes=("alter_table_stmt",),
        message='column "(?P<of>.+)" cannot be cast automatically',
    ),
    remedy.Remedy("referenced-key-not-unique", "42830", _referenced_key),
    remedy.Remedy(
        "on-conflict-without-index",
        "42P10",
        "ON CONFLICT needs a unique index on exactly the columns that it names: make it before, or name the columns of "
        "one that is there.",
        message="ON CONFLICT",
    ),
    remedy.Remedy(
        "index-not-immutable",
        "42P17",
        "An index may use only functions that always give the same for the same row. Say the time zone: "
        "date_trunc('day', at AT TIME ZONE 'UTC'); the text search configuration: to_tsvector('english', body); "
        "or call a function of your own that is declared IMMUTABLE.",
        message="IMMUTABLE|immutable",
    ),
    remedy.Remedy(
        "index-row-too-large",
        "54000",
        "A value is too long for a B-tree index (about 2,700 bytes). Index its hash, and ask for it the same way:\n"
        "    CREATE INDEX ON {on} (md5(the_column));  -- WHERE md5(the_column) = md5($1) AND the_column = $1\n"
        "or use an index of type hash, or GIN with pg_trgm, for what you search.",
        message="index row",
        first="Fix the file or the data",
    ),
    remedy.Remedy(
        "too-many-columns", "54011", "A table has at most 1,600 columns: put some into a second table, or into jsonb."
    ),
    remedy.Remedy(
        "statement-too-complex",
        "54001",
        "The statement is nested too deeply, or a trigger or function calls itself without end. Write it in several "
        "statements; `ALTER ROLE {role} SET max_stack_depth` helps only where it is really needed.",
    ),
    remedy.Remedy(
        "too-many-arguments",
        "54023",
        "A function takes at most 100 arguments. Pass one value of a composite type, or jsonb.",
    ),
)
