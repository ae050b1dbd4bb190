"""What keeps a change from being made this way: what is so, and what to do instead."""

import difflib
from collections.abc import Mapping, Sequence

from schemata import errors
from schemata.changes.authoring import draft, names, table
from schemata.migrations.groups import changes

#: The first server whose views ask for the rights of those who use them.
SECURITY_INVOKER = 15


def column(request: draft.Request, typed: str) -> table.Column:
    """Return a column by the name that was typed. Raises ConfigError where the table has none of that name."""
    name = names.single(typed, "the column")
    found = request.table.column(name)
    if found is not None:
        return found
    known = [one.name for one in request.table.columns]
    alike = [one for one in known if one.lower() == name.lower()] or difflib.get_close_matches(name, known, 1)
    listed = ", ".join(one.sql for one in request.table.columns)
    hint = f"Did you mean {names.quoted(alike[0])}? " if alike else ""
    raise errors.ConfigError(f"{request.table.sql} has no column {names.quoted(name)}", f"{hint}It has: {listed}.")


def new_column(request: draft.Request, typed: str) -> str:
    """Return the name of a column that is to be made. Raises Refused where there is one of that name."""
    name = names.single(typed, "the new column")
    if name in request.table.column_names:
        raise draft.Refused(
            f"{request.table.sql} has a column {names.quoted(name)} already",
            "Choose another name; if it is left over from something else, drop it first: "
            f"inv change-new drop-column {request.table.sql} {names.quoted(name)}",
        )
    return name


def new_relation(request: draft.Request, name: str) -> str:
    """Return the name of a table, view or index that is to be made. Raises Refused where something has that name."""
    if name in request.table.relations:
        raise draft.Refused(
            f"the schema {request.table.schema} has a table, view, index or type {names.quoted(name)} already",
            "Choose another name, or rename that one first.",
        )
    return name


def new_constraint(request: draft.Request, name: str) -> str:
    """Return the name of a constraint that is to be made. Raises Refused where the table has one of that name."""
    if name in request.table.constraint_names:
        raise draft.Refused(
            f"{request.table.sql} has a constraint {names.quoted(name)} already", "Choose another name: --name NAME"
        )
    return name


def changeable(request: draft.Request) -> None:
    """Refuse what is no table of its own: a partition, a child or parent by inheritance, a view."""
    changed = request.table
    if changed.kind not in "rp":
        kinds = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}
        raise draft.Refused(
            f"{changed.sql} is {kinds.get(changed.kind, 'no table')}, whose columns are those of something else",
            "Name the table; where a change has put a view in its place, finish or abort that first: inv changes",
        )
    if changed.is_partition:
        raise draft.Refused(
            f"{changed.sql} is a partition: its columns and constraints are those of the partitioned table",
            "Name the partitioned table.",
        )
    if changed.parents or (changed.kind == "r" and changed.children):
        what = "inherits from another table" if changed.parents else "has tables that inherit from it"
        raise draft.Refused(
            f"{changed.sql} {what}: a change of it would not reach the others, or be undone by them",
            "Write the migrations by hand for all of them: inv migrate-new",
        )


def keyed(request: draft.Request) -> None:
    """Refuse a backfill of a table without a key: its rows could not be gone through in batches."""
    if not request.table.key:
        raise draft.Refused(
            f"{request.table.sql} has no key to go through its rows in batches: neither a primary key nor unique "
            "columns that are NOT NULL",
            f"Give it one: inv change-new add-unique {request.table.sql} COLUMN, on columns that are NOT NULL",
        )


def replaceable(request: draft.Request, old: table.Column) -> None:
    """Refuse a second column beside one that cannot have one."""
    _writable(request, old)
    by_view = "A view of the table's name needs no second column: --strategy samename"
    hint = by_view if request.kind == "rename-column" else "Write the migrations by hand: inv migrate-new"
    changed = request.table
    for one in changed.constraints:
        if old.name in one.columns and one.kind in "px":
            what = "is of the primary key" if one.kind == "p" else f"is of the exclusion constraint {one.name}"
            raise draft.Refused(
                f"{changed.sql}.{old.sql} {what}, which cannot be moved to a second column while the table is in use",
                hint,
            )
    for relation, columns in changed.referring:
        if old.name in columns:
            raise draft.Refused(
                f"a foreign key of {relation} refers to {changed.sql}.{old.sql}: it would stay with the old column",
                hint,
            )
    if any(index.identity and old.name in index.columns for index in changed.indexes):
        raise draft.Refused(
            f"{changed.sql}.{old.sql} is of the replica identity of the table, which subscribers rely on", hint
        )
    _unnamed(request, old, hint)
    if changed.kind == "p":
        over = [index.name for index in changed.indexes if old.name in index.columns]
        over += [one.name for one in changed.constraints if one.kind == "f" and old.name in one.columns]
        if over and request.kind != "split-column":
            raise draft.Refused(
                f"{changed.sql} is partitioned, and {over[0]} is over {old.sql}: on a partitioned table it cannot be "
                "made again without a lock on all of them",
                hint,
            )


def _writable(request: draft.Request, old: table.Column) -> None:
    why = ""
    if old.generated:
        why = "is generated from other columns: nobody writes it"
    elif old.identity:
        why = "is an identity column: the server numbers it"
    elif old.default.startswith("nextval("):
        why = "is numbered by a sequence of its own, which would go with it"
    if why:
        hint = "Write the migrations by hand: inv migrate-new"
        if request.kind == "rename-column":
            hint = "A view of the table's name needs no second column: --strategy samename"
        raise draft.Refused(f"{request.table.sql}.{old.sql} {why}", hint)


def _unnamed(request: draft.Request, old: table.Column, hint: str) -> None:
    for one in request.table.using(old.name):
        raise draft.Refused(
            f"the {one.kind} {one.name} uses {request.table.sql}.{old.sql}: it would stay with the old column",
            f"{hint}; or drop that first, and make it again afterwards."
            if "samename" in hint
            else "Drop that first, and make it again afterwards.",
        )


def droppable(request: draft.Request, old: table.Column) -> None:
    """Refuse to drop a column that something else needs."""
    changed = request.table
    for one in changed.constraints:
        if one.kind == "p" and old.name in one.columns:
            raise draft.Refused(
                f"{changed.sql}.{old.sql} is of the primary key, without which no row can be named",
                "Make another key first: inv change-new add-unique …",
            )
    for relation, columns in changed.referring:
        if old.name in columns:
            raise draft.Refused(
                f"a foreign key of {relation} refers to {changed.sql}.{old.sql}", "Drop the foreign key first."
            )
    if old.identity or old.generated:
        return
    for used in changed.using(old.name):
        raise draft.Refused(
            f"the {used.kind} {used.name} uses {changed.sql}.{old.sql}", f"Drop or rewrite the {used.kind} first."
        )


def table_droppable(request: draft.Request) -> None:
    """Refuse to drop a table that something else needs."""
    changed = request.table
    for relation, _ in changed.referring:
        if relation != changed.sql:
            raise draft.Refused(f"a foreign key of {relation} refers to {changed.sql}", "Drop the foreign key first.")
    for used in changed.dependents:
        if used.kind in ("view", "function"):
            raise draft.Refused(f"the {used.kind} {used.name} uses {changed.sql}", f"Drop the {used.kind} first.")


def viewable(request: draft.Request) -> None:
    """Refuse a view in the place of a table that cannot have one."""
    changed = request.table
    if changed.row_security and request.major < SECURITY_INVOKER:
        raise draft.Refused(
            f"{changed.sql} has row level security, and on PostgreSQL {request.major} a view shows every row of its "
            "owner to everybody",
            "Use two columns: --strategy dual; or PostgreSQL 15, whose views can ask for the rights of who uses them."
            if request.kind == "rename-column"
            else "From PostgreSQL 15 on a view can ask for the rights of who uses it; before, rename it in a pause.",
        )
    if changed.rules:
        raise draft.Refused(
            f"{changed.sql} has rules (CREATE RULE), which a view over it would not fire as they do now",
            "Use two columns: --strategy dual; or make triggers of the rules.",
        )


def open_change(
    request: draft.Request, known: Mapping[str, changes.Change], recorded: set[str], extra: Sequence[str] = ()
) -> None:
    """Refuse a second change of a table, and one of the same name."""
    if request.id in known:
        raise draft.Refused(f"there is a change {request.id} already", "Give this one another name: --id NAME")
    about = {names.parse(text, "the table") for text in (request.table.sql, *extra)}
    for change in known.values():
        left = [item.id for item in change.files if item.id not in recorded]
        if left and about & {names.parse(text, "the table") for text in change.tables}:
            raise draft.Refused(
                f"the change {change.id} is about {request.table.sql} too, and is not complete in the database that "
                f"was asked: {left[0]} is not applied",
                "Two changes of a table at a time would not know of each other. Finish that one (inv change-contract "
                f"{change.id}; in a dev database inv migrate) or abort it first: inv change-abort {change.id}",
            )
