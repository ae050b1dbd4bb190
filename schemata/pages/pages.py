"""Pages: declared list queries as SQL. What runs is built here, and what is judged is the same text.

A service sends `statement`, with the values of `arguments`; `numbered` is how the server receives it. Plain values
only; this module loads neither parser nor driver.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

#: Rows a page asks for: 50 to show, one to know whether a next page exists.
LIMIT = 51
#: The parameter of a statement that says how many rows.
PAGE_LIMIT = "page_limit"

# Writes a parameter into SQL, by its name.
_Place = Callable[[str], str]


@dataclass(frozen=True)
class Page:
    """A list query: `schema.table`, equality on the filter's columns, an order, the index that must serve it.

    `order` holds columns such as `created_at desc`, at least one. They must be NOT NULL and, with the filter, hold a
    unique key, or a keyset page loses rows: see `structural.lost_rows`.

    :param columns: what it selects; none stands for all.
    :param max_rows: how many rows may be read for one that is shown.
    :param max_buffers: how many pages of 8 kB may be read for one page of rows.
    :param pieces: the SQL of one that is written as a file, in turn text and the name of a parameter; it has no table.
    :param file: where that is.
    """

    name: str
    table: str
    filter: tuple[str, ...]
    order: tuple[str, ...]
    index: str
    columns: tuple[str, ...] = ()
    max_rows: int = 10
    max_buffers: int = 200
    pieces: tuple[str, ...] = ()
    file: str = ""

    @property
    def keys(self) -> tuple[tuple[str, bool], ...]:
        """The order as (column, whether it descends)."""
        pairs = (column.split() for column in self.order)
        return tuple((words[0], words[-1].lower() == "desc" and len(words) > 1) for words in pairs)

    @property
    def mixed(self) -> bool:
        """Whether some columns ascend and others descend."""
        return len({descends for _, descends in self.keys}) > 1

    @property
    def forms(self) -> tuple[bool, ...]:
        """Whether it is asked behind a key: a page of the settings is asked both ways, the text of a file is one."""
        return (True,) if self.pieces else (False, True)

    @property
    def rows_allowed(self) -> int:
        """How many rows may be read for one page of them."""
        return self.max_rows * LIMIT


def statement(page: Page, keyset: bool = False) -> str:
    """Return the query for a driver that names parameters as `%(name)s`, such as psycopg; see `arguments`.

    With `keyset` it is the page after a key, else the first one.

    >>> statement(Page("open", "app.sale", ("status",), ("id desc",), "sale_status", ("id",)))
    'SELECT "id" FROM "app"."sale" WHERE "status" = %(filter_status)s ORDER BY "id" DESC LIMIT %(page_limit)s'
    """
    # A percent sign that is none of ours is doubled, or the driver would take it for a parameter.
    names: list[str] = []
    parts = _whole(page, keyset, lambda name: f"\0{_number(names, name)[1:]}\0").replace("%", "%%").split("\0")
    return "".join(f"%({names[int(part) - 1]})s" if at % 2 else part for at, part in enumerate(parts))


def numbered(page: Page, keyset: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return the query as the server receives it, with `$1…`, and the names of its parameters in that order."""
    names: list[str] = []
    return _whole(page, keyset, lambda name: _number(names, name)), tuple(names)


def limited(page: Page, keyset: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return the query as it is judged, with `$1…`, and the names of its parameters: the rows are written into it.

    Drivers send a statement with its values, so the planner knows how many rows are wanted. Of a parameter it would
    assume a tenth of the table.
    """
    names: list[str] = []
    return _whole(page, keyset, lambda name: str(LIMIT) if name == PAGE_LIMIT else _number(names, name)), tuple(names)


def filled(page: Page, keyset: bool, values: Mapping[str, str]) -> str:
    """Return the query with SQL in the place of its parameters, the number of rows included."""
    return _whole(page, keyset, lambda name: str(LIMIT) if name == PAGE_LIMIT else values[name])


def arguments(page: Page, filters: Sequence[Any], key: Sequence[Any] | None, limit: int) -> dict[str, Any]:
    """Return the parameters of `statement` by name: the filter's values, the key of the last row seen, the rows."""
    found: dict[str, Any] = {PAGE_LIMIT: limit}
    found |= {f"filter_{column}": value for column, value in zip(page.filter, filters, strict=True)}
    if key is not None:
        found |= {f"after_{column}": value for (column, _), value in zip(page.keys, key, strict=True)}
    return found


def queries(page: Page) -> tuple[str, str]:
    """Return the SQL of the first page and of the page after a key, with parameters `$1…`: filter, then key.

    The key is compared as a row when all directions agree. Mixed directions have no row comparison; they
    get the form `a <= x AND (a < x OR …)`, whose first part the index can use. (The OR alone reads
    everything before the page, as OFFSET does.)
    """
    return limited(page)[0], limited(page, keyset=True)[0]


def select(page: Page, where: Sequence[str], order: Iterable[tuple[str, bool]], limit: str = str(LIMIT)) -> str:
    """Return a query of the page's table with conditions and an order."""
    table = ".".join(quoted(part) for part in page.table.split("."))
    columns = ", ".join(map(quoted, page.columns)) or "*"
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    keys = ", ".join(f"{quoted(column)} {'DESC' if descends else 'ASC'}" for column, descends in order)
    return f"SELECT {columns} FROM {table}{condition} ORDER BY {keys} LIMIT {limit}"


def after(page: Page, place: _Place) -> str:
    """Return the condition that a row comes behind a key, whose values are the parameters `after_<column>`."""
    keys = [(quoted(c), place(f"after_{c}"), "<" if d else ">") for c, d in page.keys]
    if not page.mixed:
        columns, parameters = ", ".join(key[0] for key in keys), ", ".join(key[1] for key in keys)
        return f"({columns}) {keys[0][2]} ({parameters})"
    column, parameter, than = keys[-1]
    condition = f"{column} {than} {parameter}"
    for column, parameter, than in reversed(keys[:-1]):
        condition = f"{column} {than} {parameter} OR ({column} = {parameter} AND ({condition}))"
    column, parameter, than = keys[0]
    return f"{column} {than}= {parameter} AND ({condition})"


def with_columns(page: Page, columns: Sequence[str]) -> Page:
    """Return a page of the settings that selects other columns."""
    return replace(page, columns=tuple(columns))


def quoted(name: str) -> str:
    """Return a name in quotes."""
    return '"' + name.replace('"', '""') + '"'


def _whole(page: Page, keyset: bool, place: _Place) -> str:
    if page.pieces:
        return "".join(place(piece) if at % 2 else piece for at, piece in enumerate(page.pieces))
    where = [f"{quoted(column)} = {place(f'filter_{column}')}" for column in page.filter]
    if keyset:
        where.append(after(page, place))
    return select(page, where, page.keys, place(PAGE_LIMIT))


def _number(names: list[str], name: str) -> str:
    if name not in names:
        names.append(name)
    return f"${names.index(name) + 1}"
