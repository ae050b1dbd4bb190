"""What the migrations promise to leave behind: every table and every named index, and who made it.

The promise is read from the SQL, so it can be compared with what a database really holds.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schemata import errors, lazy
from schemata.sql import lexer, parser, statement

if TYPE_CHECKING:
    import postgast
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")

Name = tuple[str, str]

_MAKES = frozenset(("create", "drop", "alter", "select", "with"))
_ANYTHING = re.compile("")

_RELATIONS = (pg.OBJECT_TABLE, pg.OBJECT_MATVIEW, pg.OBJECT_FOREIGN_TABLE)


@dataclass(frozen=True)
class ExpectedObjects:
    """Tables (and materialized views) and indexes that must exist, each as (schema, name).

    A table maps to the id of the migration that gave it its name, an index to (its table, that id).
    """

    tables: Mapping[Name, str]
    indexes: Mapping[Name, tuple[str, str]]


@dataclass
class _Index:
    table: Name
    id: str
    columns: set[str]


@dataclass
class _Catalog:
    """The catalog as far as the files tell it, while they are folded."""

    tables: dict[Name, str] = field(default_factory=dict)
    indexes: dict[Name, _Index] = field(default_factory=dict)
    parents: dict[Name, Name] = field(default_factory=dict)  # partitions only: they fall with their parent


def expect(files: Iterable[tuple[str, str, str]]) -> ExpectedObjects:
    """Return what a database must hold after the files (schema, id, SQL), given in order of application.

    An unqualified name means the migration's schema. Not seen: statements inside DO blocks, EXECUTE and
    functions; names that the server chooses (constraints' and unnamed indexes, indexes of
    partitions); what falls by CASCADE; temporary tables. Raises `errors.MigrationError` for a
    file that the parser rejects.
    """
    catalog = _Catalog()
    for schema, id, sql in files:
        try:
            large = len(sql) > lexer.LARGE
            # Of a large file only what may make or drop something is parsed, not 300,000 INSERTs.
            statements: Iterable[statement.Statement] = (
                statement.find(sql, _MAKES, _ANYTHING) if large else statement.split(sql)
            )
        except statement.SyntaxProblem as problem:
            raise errors.MigrationError(
                f"{id}, line {problem.line}, column {problem.column}: {problem.message}.\n"
                "Without this file the objects to expect cannot be listed.",
                "Correct the file; if it was edited after it was applied, `inv migrate-status` shows how.",
            ) from problem
        fold = _Fold(catalog, schema, id)
        for one in statements:
            fold.apply(one.node)
    return ExpectedObjects(
        dict(catalog.tables), {name: (index.table[1], index.id) for name, index in catalog.indexes.items()}
    )


class _Fold:
    """Apply one file's statements to the catalog."""

    def __init__(self, catalog: _Catalog, schema: str, id: str) -> None:
        self.catalog = catalog
        self.schema = schema
        self.id = id
        self.temporary: set[str] = set()

    def apply(self, node: pg.Node) -> None:
        match node.WhichOneof("node"):
            case "create_stmt":
                self._create(node.create_stmt, node.create_stmt.if_not_exists)
            case "create_foreign_table_stmt":
                table = node.create_foreign_table_stmt.base_stmt
                self._create(table, table.if_not_exists)
            case "create_table_as_stmt":
                made = node.create_table_as_stmt
                self._add(made.into.rel, made.if_not_exists)
            case "select_stmt":
                self._select_into(node.select_stmt)
            case "create_schema_stmt":
                self._create_schema(node.create_schema_stmt)
            case "index_stmt":
                self._index(node.index_stmt)
            case "drop_stmt":
                self._drop(node.drop_stmt)
            case "rename_stmt":
                self._rename(node.rename_stmt)
            case "alter_object_schema_stmt":
                self._set_schema(node.alter_object_schema_stmt)
            case "alter_table_stmt":
                self._alter(node.alter_table_stmt)
            case _:
                pass

    def _name(self, relation: pg.RangeVar) -> Name | None:
        """Return (schema, name), or None for a temporary table, which no later file can see."""
        schema, name = relation.schemaname, relation.relname
        if schema == "pg_temp" or (not schema and name in self.temporary):
            return None
        return schema or self.schema, name

    def _qualified(self, item: pg.Node) -> Name:
        schema, name = parser.qualified(parser.names(item))
        return schema or self.schema, name

    def _add(self, relation: pg.RangeVar, if_not_exists: bool) -> Name | None:
        if relation.relpersistence == "t":
            self.temporary.add(relation.relname)
        name = self._name(relation)
        if name and not (if_not_exists and name in self.catalog.tables):
            self.catalog.tables[name] = self.id
        return name

    def _create(self, create: pg.CreateStmt, if_not_exists: bool) -> None:
        new = self._name(create.relation) not in self.catalog.tables
        name = self._add(create.relation, if_not_exists)
        if name and new and create.HasField("partbound"):
            parent = self._name(create.inh_relations[0].range_var)
            if parent:
                self.catalog.parents[name] = parent

    def _select_into(self, select: pg.SelectStmt) -> None:
        # INTO stands in the first of the queries that UNION joins.
        while select.HasField("larg"):
            select = select.larg
        if select.HasField("into_clause"):
            self._add(select.into_clause.rel, False)

    def _create_schema(self, create: pg.CreateSchemaStmt) -> None:
        inner = _Fold(self.catalog, create.schemaname or create.authrole.rolename, self.id)
        for element in create.schema_elts:
            inner.apply(element)

    def _index(self, index: pg.IndexStmt) -> None:
        table = self._name(index.relation)
        if not table or not index.idxname:
            return
        # An index always lives in its table's schema, so its own name carries none.
        name = table[0], index.idxname
        if not (index.if_not_exists and name in self.catalog.indexes):
            self.catalog.indexes[name] = _Index(table, self.id, set(_columns(index)))

    def _drop(self, drop: pg.DropStmt) -> None:
        for item in drop.objects:
            if drop.remove_type == pg.OBJECT_SCHEMA:
                self._drop_schema(item.string.sval)
            elif drop.remove_type == pg.OBJECT_INDEX:
                self.catalog.indexes.pop(self._qualified(item), None)
            elif drop.remove_type in _RELATIONS:
                parts = parser.names(item)
                if len(parts) == 1 and parts[0] in self.temporary:
                    self.temporary.remove(parts[0])
                else:
                    self._drop_table(self._qualified(item))

    def _drop_table(self, table: Name) -> None:
        self.catalog.tables.pop(table, None)
        self.catalog.parents.pop(table, None)
        for name, _ in self._of(table):
            del self.catalog.indexes[name]
        for child in [child for child, parent in self.catalog.parents.items() if parent == table]:
            self._drop_table(child)

    def _drop_schema(self, schema: str) -> None:
        for table in [table for table in self.catalog.tables if table[0] == schema]:
            self._drop_table(table)
        # Indexes on tables that no file was seen to create.
        for name in [name for name in self.catalog.indexes if name[0] == schema]:
            del self.catalog.indexes[name]

    def _rename(self, rename: pg.RenameStmt) -> None:
        if rename.rename_type == pg.OBJECT_SCHEMA:
            self._move({rename.subname: rename.newname})
            return
        name = self._name(rename.relation)
        if not name:
            return
        if rename.rename_type == pg.OBJECT_COLUMN:
            for _, index in self._of(name):
                if rename.subname in index.columns:
                    index.columns = index.columns - {rename.subname} | {rename.newname}
        elif rename.rename_type == pg.OBJECT_TABCONSTRAINT:
            # A constraint's index bears its name.
            self._rename_index((name[0], rename.subname), rename.newname)
        elif rename.rename_type not in (*_RELATIONS, pg.OBJECT_INDEX):
            return  # a trigger's or a policy's new name stands beside its table's
        elif name in self.catalog.tables:
            self._rename_table(name, (name[0], rename.newname), self.id)
        else:
            # ALTER TABLE and ALTER INDEX both rename an index.
            self._rename_index(name, rename.newname)

    def _rename_index(self, old: Name, new: str) -> None:
        if index := self.catalog.indexes.pop(old, None):
            self.catalog.indexes[old[0], new] = dataclasses.replace(index, id=self.id)

    def _rename_table(self, old: Name, new: Name, id: str) -> None:
        self.catalog.tables[new] = id
        del self.catalog.tables[old]
        links = {child: parent for child, parent in self.catalog.parents.items() if old in (child, parent)}
        for child, parent in links.items():
            del self.catalog.parents[child]
            self.catalog.parents[new if child == old else child] = new if parent == old else parent
        for name, index in self._of(old):
            del self.catalog.indexes[name]
            self.catalog.indexes[new[0], name[1]] = dataclasses.replace(index, table=new)

    def _set_schema(self, alter: pg.AlterObjectSchemaStmt) -> None:
        if alter.object_type in _RELATIONS:
            name = self._name(alter.relation)
            if name and name in self.catalog.tables:
                self._rename_table(name, (alter.newschema, name[1]), self.id)

    def _move(self, schemas: Mapping[str, str]) -> None:
        for table in [table for table in self.catalog.tables if table[0] in schemas]:
            self._rename_table(table, (schemas[table[0]], table[1]), self.catalog.tables[table])

    def _alter(self, alter: pg.AlterTableStmt) -> None:
        table = self._name(alter.relation)
        if not table or alter.objtype == pg.OBJECT_INDEX:
            return
        for command in (node.alter_table_cmd for node in alter.cmds):
            change = getattr(command, "def")
            if command.subtype == pg.AT_DropColumn:
                # The server drops every index that mentions the column, also in an expression or WHERE.
                for name, index in self._of(table):
                    if command.name in index.columns:
                        del self.catalog.indexes[name]
            elif command.subtype == pg.AT_DropConstraint:
                if (name := (table[0], command.name)) in dict(self._of(table)):
                    del self.catalog.indexes[name]
            elif command.subtype == pg.AT_AddConstraint and change.constraint.indexname and change.constraint.conname:
                # USING INDEX renames the index to the constraint.
                self._rename_index((table[0], change.constraint.indexname), change.constraint.conname)
            elif command.subtype == pg.AT_AttachPartition:
                if child := self._name(change.partition_cmd.name):
                    self.catalog.parents[child] = table
            elif command.subtype == pg.AT_DetachPartition and (child := self._name(change.partition_cmd.name)):
                self.catalog.parents.pop(child, None)

    def _of(self, table: Name) -> list[tuple[Name, _Index]]:
        return [(name, index) for name, index in self.catalog.indexes.items() if index.table == table]


def _columns(index: pg.IndexStmt) -> Iterator[str]:
    for _, part in postgast.walk(index):
        if isinstance(part, pg.IndexElem) and part.name:
            yield part.name
        elif isinstance(part, pg.ColumnRef):
            yield part.fields[-1].string.sval
