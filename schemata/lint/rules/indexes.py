"""Indexes: built and dropped without stopping anybody, with a name that says what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.lint import model
from schemata.lint.structure import locks, objects, tree

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

_DIRECTIVE = "-- transactional: false"


def concurrently(place: model.Place) -> tuple[model.Fix, ...]:
    """Return the changes that make a CREATE INDEX concurrent; none where other statements need the transaction."""
    if not _is_alone(place):
        return ()
    text = place.item.text
    at = text.lower().find("index")
    inserted = " CONCURRENTLY" if place.stmt.if_not_exists else " CONCURRENTLY IF NOT EXISTS"
    fixes = [model.Fix(place.item.offset + at + 5, place.item.offset + at + 5, inserted)]
    if place.script.mode == "transaction":
        start = first_line_after_title(place.script.sql)
        fixes.insert(0, model.Fix(start, start, f"{_DIRECTIVE}\n"))
    return tuple(fixes)


def first_line_after_title(sql: str) -> int:
    """Return where a directive can be put: behind the first comment line, or at the beginning."""
    if not sql.startswith("--"):
        return 0
    end = sql.find("\n")
    return len(sql) if end < 0 else end + 1


def _is_alone(place: model.Place) -> bool:
    """Tell whether every statement of the file builds an index by its name: then none needs the transaction."""
    script = place.script
    if script.is_python or not script.is_plain or script.mode not in ("transaction", "statements"):
        return False
    if not script.sql.startswith("--") and script.mode == "transaction" and "/*" in script.sql[:2]:
        return False
    trees = [item.node for item in script.statements]
    return all(node.WhichOneof("node") == "index_stmt" and node.index_stmt.idxname for node in trees)


@model.rule(
    "index-not-concurrent",
    "error",
    "index_stmt",
    condition="CREATE INDEX without CONCURRENTLY on a table that existed before the migration.",
    effect="ShareLock on the table: every INSERT, UPDATE and DELETE waits until the index is built.",
    workaround="CREATE INDEX CONCURRENTLY in a file with `-- transactional: false`.",
    group="indexes",
    decides=("require-concurrent-index-creation",),
)
def _not_concurrent(place: model.Place) -> Iterator[model.Hit]:
    index = place.stmt
    table = place.name(index.relation)
    known = place.table(table)
    if (
        index.concurrent
        or place.is_empty(table)
        or (known is not None and known.partitioned and not index.relation.inh)
    ):
        return
    text = place.item.text
    at = text.lower().find("index") + 5
    if known is not None and known.partitioned:
        yield model.Hit(
            locks.takes(locks.SHARE, table, "and on every partition while the index builds"),
            f"CREATE INDEX {index.idxname or 'idx'} ON ONLY {locks.shown(table)} (…);\n"
            "-- of each partition, in a file with `-- transactional: false`:\n"
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS … ON partition (…);\n"
            f"ALTER INDEX {locks.shown((table[0], index.idxname or 'idx'))} ATTACH PARTITION …;",
            "CONCURRENTLY cannot be used on a partitioned table: build the partitions' indexes one by one, then "
            "attach.",
            lasts=(table,),
        )
        return
    rest = text[at:].lstrip()
    again = "" if index.if_not_exists or not index.idxname else "IF NOT EXISTS "
    yield model.Hit(
        locks.takes(locks.SHARE, table, "while the index builds"),
        f"{_DIRECTIVE}\n{text[:at]} CONCURRENTLY {again}{rest};",
        "Build it concurrently, in a migration of its own with that directive in its leading comment.",
        fixes=concurrently(place),
        lasts=(table,),
    )


@model.rule(
    "drop-index-not-concurrent",
    "error",
    "drop_stmt",
    condition="DROP INDEX without CONCURRENTLY on an index that existed before the migration.",
    effect="AccessExclusiveLock on the table of the index: reads and writes queue behind it.",
    workaround="DROP INDEX CONCURRENTLY IF EXISTS in a file with `-- transactional: false`.",
    group="indexes",
    decides=("require-concurrent-index-deletion", "ban-drop-index"),
)
def _dropped(place: model.Place) -> Iterator[model.Hit]:
    drop = place.stmt
    if drop.remove_type != pg.OBJECT_INDEX or drop.concurrent:
        return
    for name in tree.objects(drop, place.schema):
        index = place.catalog.indexes.get(name)
        if index is not None and (place.is_own(index.made_in) or place.is_empty(index.table)):
            continue
        table = place.table(index.table) if index else None
        if table is not None and table.partitioned:
            continue  # the server takes no CONCURRENTLY here
        what = locks.shown(index.table) if index else f"the table of {locks.shown(name)}"
        yield model.Hit(
            f"Takes AccessExclusiveLock on {what}: blocks reads and writes, and everything that comes queues behind it "
            "while it waits for running queries.",
            f"{_DIRECTIVE}\nDROP INDEX CONCURRENTLY IF EXISTS {locks.shown(name)};",
        )


@model.rule(
    "reindex-not-concurrent",
    "error",
    "reindex_stmt",
    condition="REINDEX without CONCURRENTLY.",
    effect="Writes to the table wait, and reads that would use the index do too, until it is built again.",
    workaround="REINDEX … CONCURRENTLY in a file with `-- transactional: false`.",
    group="indexes",
    decides=("require-concurrent-reindex",),
)
def _reindex(place: model.Place) -> Iterator[model.Hit]:
    if place.item.kind == "reindex concurrently":
        return
    reindex = place.stmt
    word = pg.ReindexObjectType.Name(reindex.kind).removeprefix("REINDEX_OBJECT_")
    what = locks.shown(place.name(reindex.relation)) if reindex.relation.relname else reindex.name
    if word == "TABLE" and place.is_empty(place.name(reindex.relation)):
        return
    yield model.Hit(
        f"Takes ShareLock on the table and AccessExclusiveLock on the index ({what}): blocks writes, and every query "
        "that plans with the index.",
        f"{_DIRECTIVE}\nREINDEX {word} CONCURRENTLY {what};" if word != "SYSTEM" else "",
        lasts=_reindexed(place, word),
    )


def _reindexed(place: model.Place, word: str) -> tuple[tree.Name, ...]:
    """Return the table whose indexes are built again; none where they are of many, or nobody knows of which."""
    name = place.name(place.stmt.relation)
    if word == "TABLE":
        return (name,)
    index = place.catalog.indexes.get(name) if word == "INDEX" else None
    return (index.table,) if index is not None else ()


@model.rule(
    "index-if-not-exists",
    "warning",
    "index_stmt",
    condition="CREATE INDEX without IF NOT EXISTS in a file that is not one transaction; with "
    '`if_not_exists = "always"` in any file.',
    effect="A run that was interrupted behind it cannot be repeated: the index is there already.",
    workaround="CREATE INDEX CONCURRENTLY IF NOT EXISTS; the engine checks that the index is valid and the same.",
    group="indexes",
)
def _if_not_exists(place: model.Place) -> Iterator[model.Hit]:
    index = place.stmt
    needed = place.options.if_not_exists == "always" or not place.in_transaction
    if index.if_not_exists or not needed or place.is_body or not index.idxname or not place.script.in_project:
        return
    text = place.item.text
    word = "concurrently" if index.concurrent else "index"
    at = text.lower().find(word) + len(word)
    start = place.item.offset + at
    # What makes it concurrent writes it as well.
    is_other = not index.concurrent and not place.is_empty(place.name(index.relation)) and bool(concurrently(place))
    yield model.Hit(
        "A second run, after one that was interrupted, would stop here because the index is there.",
        f"{text[:at]} IF NOT EXISTS{text[at:]};",
        fixes=() if place.script.is_python or is_other else (model.Fix(start, start, " IF NOT EXISTS"),),
    )


def wanted_name(pattern: str, table: str, columns: tuple[str, ...]) -> str:
    """Return the name that an index of these columns has by the pattern of the settings.

    >>> wanted_name("idx_{table}_{columns}", "clients", ("status", "created_at"))
    'idx_clients_status_created_at'
    """
    return pattern.format(table=table, columns="_".join(column for column in columns if column) or "expr")


def fits(name: str, pattern: str, table: str, columns: tuple[str, ...]) -> bool:
    """Tell whether the name of an index follows the pattern: of the columns those that tell it apart are enough.

    Words of the name stand in the order of the columns; a column may be shortened (institution_id: institution), and
    one that says what an expression or a condition is about may be added.
    """
    prefix, _, suffix = pattern.format(table=table, columns="\0").partition("\0")
    if not name.startswith(prefix) or not name.endswith(suffix):
        return False
    middle = name[len(prefix) : len(name) - len(suffix) or None]
    first = columns[0] if columns else ""
    return bool(middle) and (not first or middle.split("_")[0] == first.split("_")[0])


@model.rule(
    "index-name",
    "warning",
    "index_stmt",
    condition="An index without a name, or with one that does not follow `index_name` of the settings: the table, then "
    "the columns, the first one first.",
    effect="Nobody can tell from an error or a plan what the index is for, and one that is concurrent cannot be "
    "checked.",
    workaround="idx_<table>_<columns>.",
    group="indexes",
)
def _index_name(place: model.Place) -> Iterator[model.Hit]:
    index = place.stmt
    if not place.script.in_project:
        return
    table = place.name(index.relation)
    columns = tuple(item.index_elem.name for item in index.index_params)
    wanted = wanted_name(place.options.index_name, table[1], columns)[:63]
    if not index.idxname:
        yield model.Hit(
            "The server chooses a name, which the rollback and the next migration have to guess.", f"… {wanted} …"
        )
        return
    # What an index of some rows is for stands in its condition: the name may say that.
    some = () if index.HasField("where_clause") else columns
    if place.options.index_name and not fits(index.idxname, place.options.index_name, table[1], some):
        yield model.Hit(f"{index.idxname} does not say its table and its columns.", remedy=f"Call it {wanted}.")


@model.rule(
    "index-redundant",
    "warning",
    each="end",
    condition="An index whose columns are the first ones of another index of the table, in the same order.",
    effect="Every write keeps both up to date, and the longer one serves every query of the shorter one.",
    workaround="Leave the shorter one out, or drop it concurrently.",
    group="indexes",
)
def _redundant(end: model.End) -> Iterator[model.Located]:
    made: dict[tuple[str, str], list[objects.Index]] = {}
    for index in end.catalog.indexes.values():
        made.setdefault(index.table, []).append(index)
    for indexes in made.values():
        for index in indexes:
            other = next((other for other in indexes if _covers(other, index)), None)
            if other is not None:
                yield from _located(end, index, other)


def _covers(other: objects.Index, index: objects.Index) -> bool:
    if other is index or index.unique or index.partial or other.partial or index.of_constraint:
        return False
    if index.method != "btree" or other.method != "btree" or "" in index.columns:
        return False
    same = other.columns[: len(index.columns)] == index.columns
    if not same or (other.columns == index.columns and other.name > index.name and not other.unique):
        return False
    # Read from its end an index has the opposite order.
    before = other.order[: len(index.order)] or tuple(False for _ in index.columns)
    return len(index.columns) == 1 or before in (index.order, tuple(not down for down in index.order))


def _located(end: model.End, index: objects.Index, other: objects.Index) -> Iterator[model.Located]:
    for script in end.scripts:
        if script.path != index.made_in or script.is_rollback:
            continue
        for item in script.statements:
            node: Any = item.node
            if node.WhichOneof("node") == "index_stmt" and node.index_stmt.idxname == index.name[1]:
                text = (
                    f"{index.name[1]} ({', '.join(index.columns)}) is the beginning of {other.name[1]} "
                    f"({', '.join(column or 'expression' for column in other.columns)}), which serves its queries too."
                )
                yield model.Located(script.path, item.offset, model.Hit(text))
