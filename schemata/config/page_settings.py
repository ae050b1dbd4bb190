"""Reads `[[tool.schemata.pages]]`: the declared list queries."""

import dataclasses
import re
from typing import Any

from schemata.config import values


@dataclasses.dataclass(frozen=True)
class Page:
    """A declared list query: its filter columns, its order ("created_at desc"), the index that serves it.

    :param columns: what it selects; none stands for all.
    :param max_rows: how many rows may be read for one that is shown.
    :param max_buffers: how many pages of 8 kB may be read for one page of rows.
    """

    name: str
    table: str
    order: tuple[str, ...]
    index: str
    filter: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    max_rows: int = 10
    max_buffers: int = 200


_KEYS: dict[str, values.Converter] = {
    "name": values.text_of,
    "table": values.text_of,
    "filter": values.list_of(values.name_of),
    "order": values.list_of(values.text_of),
    "index": values.any_name_of,
    "columns": values.list_of(values.any_name_of),
    "max_rows": values.count(1, 1_000_000),
    "max_buffers": values.count(1, 1_000_000_000),
}


def read(tables: Any, schemas: tuple[str, ...]) -> tuple[Page, ...]:
    """Return the pages of an array of tables, each of a table of these schemas."""
    if not isinstance(tables, list):
        raise values.InvalidSetting("[[tool.schemata.pages]]", "is not an array of tables")
    result: list[Page] = []
    for number, table in enumerate(tables, start=1):
        where = f"[[tool.schemata.pages]] {number}"
        found = values.row(where, table, _KEYS, ("name", "table", "order", "index"))
        schema, dot, relation = found["table"].partition(".")
        if not dot or schema not in schemas or not values.NAME.fullmatch(relation):
            raise values.InvalidSetting(f"{where} table", f"{found['table']!r} is not a table of the schemas above")
        for item in found["order"]:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]* (asc|desc)|[A-Za-z_][A-Za-z0-9_$]*", item):
                raise values.InvalidSetting(f"{where} order", f"{item!r} is not a column with asc or desc")
        if not found["order"]:
            raise values.InvalidSetting(f"{where} order", "at least one column is needed")
        if found["name"] in [page.name for page in result]:
            raise values.InvalidSetting(f"{where} name", f"{found['name']!r} is listed twice")
        result.append(Page(**found))
    return tuple(result)
