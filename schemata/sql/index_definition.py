"""Whether two definitions of an index are of the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemata import lazy
from schemata.sql import statement

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")


def same_index(actual: str, wanted: str) -> bool:
    """Tell whether two CREATE INDEX statements build the same index, as far as their text shows it.

    Compared are uniqueness, method, columns with their directions, and whether there is a condition and how many
    columns are included. The text of expressions is not: the server prints it in its own way.

    >>> same_index("CREATE INDEX i ON a.t USING btree (x, y DESC)", "CREATE INDEX CONCURRENTLY i ON t (x ASC, y DESC)")
    True
    >>> same_index("CREATE INDEX i ON a.t USING btree (x)", "CREATE INDEX i ON a.t (y)")
    False
    """
    return _index_facts(actual) == _index_facts(wanted)


def _index_facts(sql: str) -> tuple[object, ...]:
    index = statement.split(sql)[0].node.index_stmt
    columns = []
    for param in index.index_params:
        element = param.index_elem
        descends = element.ordering == pg.SORTBY_DESC
        first = element.nulls_ordering == pg.SORTBY_NULLS_FIRST or (
            descends and element.nulls_ordering != pg.SORTBY_NULLS_LAST
        )
        columns.append((element.name, descends, first))
    return (
        index.unique,
        index.access_method or "btree",
        tuple(columns),
        len(index.index_including_params),
        index.HasField("where_clause"),
        index.nulls_not_distinct,
    )
