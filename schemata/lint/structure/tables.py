"""Takes a catalog over CREATE TABLE and ALTER TABLE."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.lint.structure import column_types, objects, tree

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

#: CREATE_TABLE_LIKE_INDEXES, a bit of the parser's options, which has no name in its tree.
_INCLUDING_INDEXES = 1 << 6


def create(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    """Add a table with its columns, constraints and the indexes of those."""
    create = node.create_stmt
    name = tree.name_of(create.relation, schema)
    if create.if_not_exists and name in catalog.tables:
        return
    table = objects.Table(
        name,
        made_in=path,
        partitioned=create.HasField("partspec"),
        temporary=create.relation.relpersistence == "t",
    )
    parents = [tree.name_of(parent.range_var, schema) for parent in create.inh_relations]
    if create.HasField("partbound") and parents:
        table.partition_of = parents[0]
        if create.partbound.is_default and parents[0] in catalog.tables:
            catalog.tables[parents[0]].has_default_partition = True
    table.inherits = bool(parents) and table.partition_of is None
    table.complete = not parents and not create.HasField("of_typename")
    catalog.tables[name] = table
    for element in create.table_elts:
        which = element.WhichOneof("node")
        if which == "column_def":
            _add_column(catalog, table, element.column_def, schema, path)
        elif which == "constraint":
            _add_constraint(catalog, table, element.constraint, schema, path)
        else:
            table.complete = False
            _copy_key(catalog, table, element.table_like_clause, schema)


def _copy_key(catalog: objects.Catalog, table: objects.Table, like: Any, schema: str) -> None:
    """Give a table the primary key that LIKE … INCLUDING INDEXES takes over, also of a table that is not known."""
    source = catalog.tables.get(tree.name_of(like.relation, schema))
    key = source.primary_key() if source else objects.Constraint(f"{table.name[1]}_pkey", "primary")
    if like.options & _INCLUDING_INDEXES and key is not None:
        name = f"{table.name[1]}_pkey"
        table.constraints[name] = dataclasses.replace(key, name=name)


def _add_column(catalog: objects.Catalog, table: objects.Table, column: Any, schema: str, path: str) -> None:
    word = column.type_name.names[-1].string.sval if column.type_name.names else ""
    made = objects.Column(
        column.colname,
        column_types.type_of(column.type_name),
        not_null=column.is_not_null or word in column_types.SERIAL,
    )
    table.columns[column.colname] = made
    for constraint in tree.constraints_of(column):
        if constraint.contype in (pg.CONSTR_NOTNULL, pg.CONSTR_PRIMARY, pg.CONSTR_IDENTITY):
            made.not_null = True
        if constraint.contype in (pg.CONSTR_DEFAULT, pg.CONSTR_IDENTITY, pg.CONSTR_GENERATED):
            made.has_default = True
        _add_constraint(catalog, table, constraint, schema, path, column.colname)


_SUFFIX = {"primary": "pkey", "unique": "key", "check": "check", "foreign": "fkey", "exclusion": "excl"}


def _add_constraint(
    catalog: objects.Catalog, table: objects.Table, constraint: Any, schema: str, path: str, column: str = ""
) -> None:
    kind = {
        pg.CONSTR_PRIMARY: "primary",
        pg.CONSTR_UNIQUE: "unique",
        pg.CONSTR_CHECK: "check",
        pg.CONSTR_FOREIGN: "foreign",
        pg.CONSTR_EXCLUSION: "exclusion",
        pg.CONSTR_NOTNULL: "not null",
    }.get(constraint.contype, "")
    if not kind:
        return
    columns = tuple(tree.strings(constraint.fk_attrs if kind == "foreign" else constraint.keys))
    columns = columns or ((column,) if column else ())
    valid = not constraint.skip_validation
    if kind == "not null":
        for name in columns if valid else ():
            if name in table.columns:
                table.columns[name].not_null = True
        if not constraint.conname:
            return
    proves = tree.not_null_columns(constraint.raw_expr) if kind == "check" else set(columns)
    if constraint.indexname:
        used = catalog.indexes.pop((table.name[0], constraint.indexname), None)
        if used is not None:
            columns = used.columns
            name = constraint.conname or constraint.indexname
            used.name, used.of_constraint = (table.name[0], name), True
            catalog.indexes[used.name] = used
    name = constraint.conname or _default_name(table, kind, columns, constraint)
    uses = frozenset(tree.columns_in(constraint.raw_expr)) if kind == "check" else frozenset(columns)
    target = tree.name_of(constraint.pktable, schema) if kind == "foreign" else None
    not_null = frozenset(proves) if kind in ("check", "not null") else frozenset()
    table.constraints[name] = objects.Constraint(name, kind, columns, valid, not_null, uses, target)
    if kind == "primary":
        for each in columns:
            if each in table.columns:
                table.columns[each].not_null = True
    if kind in ("primary", "unique", "exclusion") and not constraint.indexname:
        index = (table.name[0], name)
        catalog.indexes[index] = objects.Index(
            index, table.name, columns, kind != "exclusion", of_constraint=True, made_in=path
        )


def _default_name(table: objects.Table, kind: str, columns: tuple[str, ...], constraint: Any) -> str:
    used = sorted(tree.columns_in(constraint.raw_expr)) if kind == "check" else list(columns)
    middle = "" if kind == "primary" or (kind == "check" and len(used) != 1) else "_".join(used)
    base = "_".join(filter(None, (table.name[1], middle, _SUFFIX.get(kind, "not_null"))))
    number, name = 0, base
    while name in table.constraints:
        number += 1
        name = f"{base}{number}"
    return name


def alter(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    """Change a table; of one that is not known, what is added to it is known from here on."""
    name = tree.name_of(node.alter_table_stmt.relation, schema)
    table = catalog.tables.get(name)
    if table is None:
        if name in catalog.indexes or node.alter_table_stmt.objtype != pg.OBJECT_TABLE:
            return
        # Something is known of it from here on: not its columns, but what is added to it.
        table = catalog.tables[name] = objects.Table(name, made_in="", complete=False)
    for command in tree.commands(node):
        _alter(catalog, table, command, schema, (path, line))


def _alter(catalog: objects.Catalog, table: objects.Table, command: Any, schema: str, at: tuple[str, int]) -> None:
    path = at[0]
    defined = tree.definition(command)
    column = table.columns.get(command.name)
    match command.subtype:
        case pg.AT_AddColumn if command.missing_ok and defined.column_def.colname in table.columns:
            return
        case pg.AT_AddColumn:
            _add_column(catalog, table, defined.column_def, schema, path)
        case pg.AT_DropColumn:
            table.columns.pop(command.name, None)
            for key in [k for k, c in table.constraints.items() if command.name in (*c.columns, *c.uses)]:
                del table.constraints[key]
            for index in [i for i in catalog.indexes_of(table.name) if command.name in i.columns]:
                catalog.lose_index(index.name, at)
        case pg.AT_AlterColumnType if column is not None:
            column.type = column_types.type_of(defined.column_def.type_name)
        case pg.AT_SetNotNull if column is not None:
            column.not_null = True
        case pg.AT_DropNotNull if column is not None:
            column.not_null = False
        case pg.AT_AddConstraint | pg.AT_AddIndexConstraint:
            _add_constraint(catalog, table, defined.constraint, schema, path)
        case pg.AT_ValidateConstraint:
            known = table.constraints.setdefault(command.name, objects.Constraint(command.name, "unknown"))
            known.valid = True
            for each in known.columns if known.kind == "not null" else ():
                if each in table.columns:
                    table.columns[each].not_null = True
        case pg.AT_DropConstraint:
            table.constraints.pop(command.name, None)
            catalog.lose_index((table.name[0], command.name), at)
        case pg.AT_EnableRowSecurity:
            table.row_security = True
        case _:
            _alter_partition(catalog, table, defined.partition_cmd, command.subtype, schema)


def _alter_partition(catalog: objects.Catalog, table: objects.Table, part: Any, subtype: int, schema: str) -> None:
    child = catalog.tables.get(tree.name_of(part.name, schema))
    match subtype:
        case pg.AT_AttachPartition:
            table.has_default_partition = table.has_default_partition or part.bound.is_default
            if child is not None:
                child.partition_of = table.name
        case pg.AT_DetachPartition:
            if child is not None:
                child.partition_of = None
        case _:
            return
