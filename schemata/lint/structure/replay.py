"""Takes a catalog over one statement: what was known before becomes what is known after."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.lint.structure import column_types, objects, tables, tree

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

#: The word of the parser's object type in our own.
_KINDS = {
    "OBJECT_TABLE": "table",
    "OBJECT_INDEX": "index",
    "OBJECT_VIEW": "view",
    "OBJECT_MATVIEW": "materialized view",
    "OBJECT_SEQUENCE": "sequence",
    "OBJECT_FUNCTION": "function",
    "OBJECT_PROCEDURE": "procedure",
    "OBJECT_ROUTINE": "routine",
    "OBJECT_TYPE": "type",
    "OBJECT_DOMAIN": "domain",
    "OBJECT_SCHEMA": "schema",
    "OBJECT_EXTENSION": "extension",
    "OBJECT_FOREIGN_TABLE": "foreign table",
    "OBJECT_TRIGGER": "trigger",
    "OBJECT_POLICY": "policy",
    "OBJECT_RULE": "rule",
    "OBJECT_DATABASE": "database",
    "OBJECT_COLUMN": "column",
    "OBJECT_TABCONSTRAINT": "constraint",
    "OBJECT_ATTRIBUTE": "attribute",
    "OBJECT_ROLE": "role",
}


def kind_of(object_type: int) -> str:
    """Return the word for an object type of the parser.

    >>> kind_of(pg.OBJECT_MATVIEW)
    'materialized view'
    """
    word = pg.ObjectType.Name(object_type)
    return str(_KINDS.get(word, word.removeprefix("OBJECT_").lower().replace("_", " ")))


def apply(catalog: objects.Catalog, node: Any, *, schema: str, path: str, line: int, text: str = "") -> None:
    """Change a catalog by a statement of a file; what it does not understand changes nothing."""
    which = node.WhichOneof("node")
    handler = _HANDLERS.get(which)
    if handler is not None:
        handler(catalog, node, schema, path, line)
    if which == "create_function_stmt" and tree.body_of(node)[0] == "plpgsql":
        name = tree.qualified(tree.strings(node.create_function_stmt.funcname), schema)
        catalog.routines[name].definition = text


def _create_index(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    create = node.index_stmt
    table = tree.name_of(create.relation, schema)
    elements = [item.index_elem for item in create.index_params]
    columns = tuple(element.name for element in elements)
    word = create.idxname or "_".join([table[1], *(c or "expr" for c in columns), "idx"])
    name = (table[0], word)
    if create.if_not_exists and name in catalog.indexes:
        return
    catalog.indexes[name] = objects.Index(
        name,
        table,
        columns,
        create.unique,
        create.HasField("where_clause"),
        create.access_method or "btree",
        made_in=path,
        order=tuple(element.ordering == pg.SORTBY_DESC for element in elements),
        is_only=not create.relation.inh,
    )
    catalog.gone.pop(("index", name), None)


def _drop(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    kind = kind_of(node.drop_stmt.remove_type)
    for name in tree.objects(node.drop_stmt, schema):
        catalog.gone[kind, name] = (path, line)
        if kind in ("table", "materialized view", "foreign table"):
            catalog.tables.pop(name, None)
            catalog.views.pop(name, None)
            for index in catalog.indexes_of(name):
                catalog.lose_index(index.name, (path, line))
        elif kind == "schema":
            _drop_schema(catalog, name[1])
        else:
            _pop(catalog, kind, name)


def _pop(catalog: objects.Catalog, kind: str, name: tree.Name) -> None:
    match kind:
        case "index":
            catalog.indexes.pop(name, None)
        case "view":
            catalog.views.pop(name, None)
        case "function" | "procedure" | "routine":
            catalog.routines.pop(name, None)
        case "type" | "domain":
            catalog.types.pop(name, None)
        case "sequence":
            catalog.sequences.pop(name, None)


def _drop_schema(catalog: objects.Catalog, schema: str) -> None:
    catalog.schemas.pop(schema, None)
    for kind in (
        catalog.tables,
        catalog.indexes,
        catalog.views,
        catalog.routines,
        catalog.types,
        catalog.sequences,
    ):
        for name in [name for name in kind if name[0] == schema]:
            del kind[name]


def _rename(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    rename = node.rename_stmt
    kind = kind_of(rename.rename_type)
    name = tree.name_of(rename.relation, schema)
    if kind == "column":
        table = catalog.tables.get(name)
        if table is not None and rename.subname in table.columns:
            column = table.columns.pop(rename.subname)
            column.name = rename.newname
            table.columns[rename.newname] = column
            _rename_column(catalog, table, rename.subname, rename.newname)
    elif kind == "constraint":
        table = catalog.tables.get(name)
        if table is not None and rename.subname in table.constraints:
            constraint = table.constraints.pop(rename.subname)
            constraint.name = rename.newname
            table.constraints[rename.newname] = constraint
    elif kind in ("table", "index", "materialized view"):
        _move(catalog, name, (name[0], rename.newname), (path, line))


def _rename_column(catalog: objects.Catalog, table: objects.Table, old: str, new: str) -> None:
    for constraint in table.constraints.values():
        constraint.columns = tuple(new if c == old else c for c in constraint.columns)
        constraint.uses = frozenset(new if c == old else c for c in constraint.uses)
        constraint.not_null = frozenset(new if c == old else c for c in constraint.not_null)
    for index in catalog.indexes_of(table.name):
        index.columns = tuple(new if c == old else c for c in index.columns)


def _set_schema(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    move = node.alter_object_schema_stmt
    if move.HasField("relation"):
        name = tree.name_of(move.relation, schema)
        _move(catalog, name, (move.newschema, name[1]), (path, line))


def _move(catalog: objects.Catalog, old: tree.Name, new: tree.Name, at: tuple[str, int]) -> None:
    if old in catalog.indexes:
        index = catalog.indexes.pop(old)
        index.name = new
        catalog.indexes[new] = index
        catalog.gone["index", old] = at
    if old in catalog.tables:
        table = catalog.tables.pop(old)
        table.name = new
        catalog.tables[new] = table
        catalog.gone["table", old] = at
        for index in [index for index in catalog.indexes.values() if index.table == old]:
            index.table = new
            if old[0] != new[0]:
                del catalog.indexes[index.name]
                index.name = (new[0], index.name[1])
                catalog.indexes[index.name] = index


def _create_view(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    view = node.view_stmt
    name = tree.name_of(view.view, schema)
    reads = frozenset(tree.relations_in(view.query, schema))
    catalog.views[name] = objects.View(name, reads, frozenset(tree.columns_in(view.query)), path, tree.shown(view))


def _create_as(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    create = node.create_table_as_stmt
    name = tree.name_of(create.into.rel, schema)
    if name not in catalog.tables:
        kind = "materialized view" if create.objtype == pg.OBJECT_MATVIEW else "table"
        temporary = create.into.rel.relpersistence == "t"
        catalog.tables[name] = objects.Table(name, kind, path, temporary=temporary, complete=False)
        if kind == "materialized view":
            reads = frozenset(tree.relations_in(create.query, schema))
            catalog.views[name] = objects.View(name, reads, frozenset(tree.columns_in(create.query)), path)


def _create_function(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    create = node.create_function_stmt
    name = tree.qualified(tree.strings(create.funcname), schema)
    volatility = tree.option(create.options, "volatility")
    word = volatility.string.sval if volatility is not None else "volatile"
    before = catalog.routines.get(name)
    catalog.routines[name] = objects.Routine(name, word, before.made_in if before and create.replace else path)


def _create_type(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    match node.WhichOneof("node"):
        case "create_enum_stmt":
            name, kind = tree.qualified(tree.strings(node.create_enum_stmt.type_name), schema), "enum"
        case "composite_type_stmt":
            name, kind = tree.name_of(node.composite_type_stmt.typevar, schema), "composite"
        case "create_range_stmt":
            name, kind = tree.qualified(tree.strings(node.create_range_stmt.type_name), schema), "range"
        case _:
            create = node.create_domain_stmt
            name = tree.qualified(tree.strings(create.domainname), schema)
            kinds = (pg.CONSTR_CHECK, pg.CONSTR_NOTNULL)
            constrained = any(item.constraint.contype in kinds for item in create.constraints)
            catalog.types[name] = objects.DataType(
                name, "domain", path, column_types.type_of(create.type_name), constrained
            )
            return
    catalog.types[name] = objects.DataType(name, kind, path)


def _alter_domain(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    name = tree.qualified(tree.strings(node.alter_domain_stmt.type_name), schema)
    if name in catalog.types and node.alter_domain_stmt.subtype in ("C", "O"):
        catalog.types[name].constrained = True


def _create_schema(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    name = node.create_schema_stmt.schemaname
    catalog.schemas.setdefault(name, path)
    for element in node.create_schema_stmt.schema_elts:
        apply(catalog, element, schema=name, path=path, line=line)


def _create_sequence(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    catalog.sequences.setdefault(tree.name_of(node.create_seq_stmt.sequence, schema), path)


def _create_policy(catalog: objects.Catalog, node: Any, schema: str, path: str, line: int) -> None:
    table = catalog.tables.get(tree.name_of(node.create_policy_stmt.table, schema))
    if table is not None:
        table.policies.add(node.create_policy_stmt.policy_name)


_HANDLERS: dict[str, Callable[[objects.Catalog, Any, str, str, int], None]] = {
    "create_stmt": tables.create,
    "alter_table_stmt": tables.alter,
    "index_stmt": _create_index,
    "drop_stmt": _drop,
    "rename_stmt": _rename,
    "alter_object_schema_stmt": _set_schema,
    "view_stmt": _create_view,
    "create_table_as_stmt": _create_as,
    "create_function_stmt": _create_function,
    "create_enum_stmt": _create_type,
    "composite_type_stmt": _create_type,
    "create_range_stmt": _create_type,
    "create_domain_stmt": _create_type,
    "alter_domain_stmt": _alter_domain,
    "create_schema_stmt": _create_schema,
    "create_seq_stmt": _create_sequence,
    "create_policy_stmt": _create_policy,
}
