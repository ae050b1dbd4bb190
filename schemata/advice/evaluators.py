"""Databases that say what a statement would cost with an index that the target does not have; none builds it there."""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from schemata import config
from schemata.advice import candidates, choosing, explaining, predicates, reading
from schemata.ghost import ghost, inflation
from schemata.migrations import files
from schemata.postgres import libpq, queries, waiting
from schemata.report import progress
from schemata.scale import scale

_SQL = queries.load("advice", os.path.join(os.path.dirname(__file__), "queries"))
PREFIX = "schemata_advice_"


class Evaluator(Protocol):
    """What explains statements as if some candidates existed.

    `name` says which one it is, `origin` of what it is made, in words. `possible` are the candidates that it can judge.
    """

    name: str
    origin: str
    possible: frozenset[candidates.Candidate]

    def plan(self, text: str, with_these: frozenset[candidates.Candidate]) -> choosing.Planned:
        """Return the plan of a statement. Raises libpq.QueryFailed."""

    def size(self, candidate: candidates.Candidate) -> int:
        """Return the bytes that it would take."""


class Hypothetical:
    """hypopg on the target: in the memory of one session, gone with it. It knows B-trees only."""

    name = "hypopg"
    origin = ""

    def __init__(self, connection: libpq.Connection, schema: str, possible: Iterable[candidates.Candidate]) -> None:
        self._connection, self._schema = connection, queries.identifier(schema)
        self._now: frozenset[candidates.Candidate] | None = None
        self._names: dict[str, candidates.Candidate] = {}
        self._sizes: dict[candidates.Candidate, int] = {}
        found = set()
        for one in possible:
            if one.method != "btree":
                continue
            with contextlib.suppress(libpq.QueryFailed):  # an expression that is not immutable
                self._make([one])
                found.add(one)
        self.possible = frozenset(found)

    def plan(self, text: str, with_these: frozenset[candidates.Candidate]) -> choosing.Planned:
        """See Evaluator."""
        if with_these != self._now:
            self._now = None
            self._make(sorted(with_these))
            self._now = with_these
        found = explaining.generic_plan(self._connection, text)
        used = frozenset(self._names[name] for name in explaining.indexes(found) if name in self._names)
        return choosing.Planned(explaining.cost(found), used)

    def size(self, candidate: candidates.Candidate) -> int:
        """See Evaluator."""
        return self._sizes[candidate]

    def _make(self, wanted: Sequence[candidates.Candidate]) -> None:
        self._names = {}
        self._connection.query(f"SELECT {self._schema}.hypopg_reset()")
        for one in wanted:
            # Without a name: it gives one of its own, by which the plan calls it.
            text = one.definition(PREFIX).replace(f"INDEX {PREFIX} ON", "INDEX ON")
            ((oid, name),) = self._connection.query(
                f"SELECT indexrelid, indexname FROM {self._schema}.hypopg_create_index($1)", text
            )
            self._names[str(name)] = one
            size = self._connection.query(f"SELECT {self._schema}.hypopg_relation_size({oid})")
            self._sizes[one] = int(str(size[0][0]))


class Built:
    """A database of our own in which every candidate is built, with its number behind PREFIX as its name.

    The planner is shown some of them.
    """

    def __init__(
        self, name: str, connection: libpq.Connection, numbered: Mapping[int, candidates.Candidate], origin: str = ""
    ) -> None:
        self.name, self.origin = name, origin
        self._connection = connection
        self._numbers = {one: number for number, one in numbered.items()}
        self.possible = frozenset(self._numbers)
        self._names: dict[str, set[candidates.Candidate]] = {}
        self._sizes: dict[candidates.Candidate, int] = {}
        for number, name, size, _, _, has_file in _built(connection):
            one = numbered[number]
            self._names.setdefault(name, set()).add(one)
            self._sizes[one] = self._sizes.get(one, 0) + (size if has_file else 0)
        self._now: frozenset[candidates.Candidate] | None = None

    def plan(self, text: str, with_these: frozenset[candidates.Candidate]) -> choosing.Planned:
        """See Evaluator."""
        if with_these != self._now:
            numbers = ", ".join(queries.literal(str(self._numbers[one])) for one in with_these)
            sql = _SQL["toggled"].replace("{prefix}", queries.literal(PREFIX))
            self._connection.query(sql.replace("{numbers}", f"ARRAY[{numbers}]"))
            self._now = with_these
        found = explaining.generic_plan(self._connection, text)
        used = frozenset(
            one for name in explaining.indexes(found) for one in self._names.get(name, ()) if one in with_these
        )
        return choosing.Planned(explaining.cost(found), used)

    def size(self, candidate: candidates.Candidate) -> int:
        """See Evaluator."""
        return self._sizes[candidate]


@contextlib.contextmanager
def ghost_of(
    settings: config.Config,
    catalog: reading.Catalog,
    wanted: scale.Scale,
    possible: Iterable[candidates.Candidate],
    path: Sequence[str],
    reporter: progress.Reporter = progress.SILENT,
) -> Iterator[Built]:
    """Give a ghost of the target: the migrations, its indexes, its sizes. Nothing of it remains.

    What the target has beside the migrations is not in it, but for indexes. Raises as ghost.server does.
    """
    sources = files.read(settings.migrations, settings.schemas)
    with ghost.server(settings, sources, reporter) as server:
        numbered = dict(enumerate(sorted(possible)))
        with session(server.database(scale.Scale({}))) as trial:
            relations = {one.full_name: one for one in inflation.read(trial)}
            kept = [text for text in differences(relations, catalog) if works(trial, text)]
            built = {
                number: text
                for number, one in numbered.items()
                if works(trial, text := one.definition(f"{PREFIX}{number}"))
            }
        sized = scale.Scale(
            {
                name: _known_columns(table, relations[name])
                for name, table in wanted.tables.items()
                if name in relations
            },
            wanted.source,
        )
        url = server.database(sized, [*kept, *built.values()])
        with session(url) as connection:
            _restore(connection, catalog, relations, numbered)
            connection.query(f"SET search_path = {', '.join(map(queries.identifier, path))}")
            yield Built("ghost", connection, {number: numbered[number] for number in built})


def session(url: str) -> libpq.Connection:
    """Log in to a database of our own."""
    return waiting.connect(url, application_name="schemata advice")


def works(connection: libpq.Connection, text: str) -> bool:
    """Run a statement that makes or drops an index; tell whether the server took it."""
    try:
        connection.query(text)
    except libpq.QueryFailed:
        return False
    return True


def _known_columns(table: scale.Table, relation: inflation.Relation) -> scale.Table:
    known = {column.name for column in relation.columns}
    return scale.Table(
        table.rows, {name: value for name, value in table.n_distinct.items() if name in known}, table.pages
    )


def differences(relations: Mapping[str, inflation.Relation], catalog: reading.Catalog) -> Iterator[str]:
    """Give the statements after which a database of our own has the indexes of the target, and no other ones."""
    there = {(one.schema, one.name) for one in catalog.indexes}
    ours = {(index.schema, index.name) for one in relations.values() for index in one.indexes}
    for schema, name in sorted(ours - there):
        # One of a constraint stays: it cannot be dropped like this.
        yield f"DROP INDEX {queries.identifier(schema)}.{queries.identifier(name)}"
    for index in catalog.indexes:
        if (index.schema, index.name) not in ours and not index.is_of_partitions and index.is_valid:
            yield index.definition


def _restore(
    connection: libpq.Connection,
    found: reading.Catalog,
    relations: Mapping[str, inflation.Relation],
    numbered: Mapping[int, candidates.Candidate],
) -> None:
    """Give the ghost what the target's statistics say beside the numbers of the scale, without any value of a row."""
    distinct: dict[tuple[predicates.Name, str], float] = {}
    for table in found.tables:
        relation = relations.get(f"{table.schema}.{table.name}")
        if relation is None:
            continue
        known = {column.name for column in relation.columns}
        for column in table.columns:
            if column.distinct is None or column.name not in known:
                continue
            distinct[table.key, column.name] = column.distinct
            more = f", 'correlation', ({column.correlation})::real" if column.correlation is not None else ""
            _attribute(
                connection,
                table.key,
                f"'attname', {queries.literal(column.name)}::text, 'inherited', {str(table.is_partitioned).lower()}",
                f"'null_frac', ({column.null})::real, 'avg_width', {column.width}, "
                f"'n_distinct', ({column.distinct})::real{more}",
            )
        if not table.is_partitioned and table.pages:
            connection.query(
                f"SELECT pg_restore_relation_stats('schemaname', {queries.literal(table.schema)}::text, 'relname', "
                f"{queries.literal(table.name)}::text, 'relallvisible', {table.visible})"
            )
    # What is computed of one column has as many values as that column, at most.
    for number, name, _, schema, positions, has_file in _built(connection):
        one = numbered[number]
        for position in positions if has_file else ():
            inner = one.keys[position - 1].text.partition("(")[2].removesuffix(")").strip('"')
            if (one.table, inner) in distinct:
                _attribute(
                    connection,
                    (schema, name),
                    f"'attnum', {position}::smallint, 'inherited', false",
                    f"'null_frac', 0::real, 'avg_width', 16, 'n_distinct', ({distinct[one.table, inner]})::real",
                )


def _attribute(connection: libpq.Connection, relation: predicates.Name, which: str, what: str) -> None:
    schema, name = map(queries.literal, relation)
    connection.query(
        f"SELECT pg_restore_attribute_stats('schemaname', {schema}::text, 'relname', {name}::text, {which}, {what})"
    )


def _built(connection: libpq.Connection) -> list[tuple[int, str, int, str, list[int], bool]]:
    sql = _SQL["built"].replace("{prefix}", queries.literal(PREFIX))
    return [tuple(row) for row in json.loads(str(connection.query(sql)[0][0]))]
