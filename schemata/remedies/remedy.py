"""What is known of a statement that failed, and what a row of the table of remedies is."""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemata.sql import statement

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
# PostgreSQL's reserved words (pg_get_keywords, catcode R and T): a name that is one of them needs its quotes.
_RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
    collation column concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user default deferrable desc distinct do else end
    except false fetch for foreign freeze from full grant group having ilike in initially inner intersect
    into is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null
    offset on only or order outer overlaps placing primary references returning right select session_user
    similar some symmetric system_user table tablesample then to trailing true union unique user using
    variadic verbose when where window with
    """.split()  # noqa: SIM905 - eighty lines of one word each would say less
)

Row = tuple[str | None, ...]


def name(*parts: str) -> str:
    """Return a dotted name as SQL, in quotes only where it needs them; empty parts are left out.

    >>> name("app", "Order"), name("", "user"), name("app", "orders")
    ('app."Order"', '"user"', 'app.orders')
    """
    return ".".join(
        part if _PLAIN.fullmatch(part) and part not in _RESERVED else '"' + part.replace('"', '""') + '"'
        for part in parts
        if part
    )


def paste(prose: str, *lines: str) -> str:
    """Return a sentence and below it the SQL to paste, a statement a line, set in by four spaces."""
    return "\n".join([prose, *("    " + line for text in lines for line in text.splitlines())])


@dataclasses.dataclass(frozen=True)
class Case:
    """A failure: what the server said, of which statement of which file, for whom.

    `table`, `column` and `constraint` are the names that the server attaches to its error, `text` is that of the
    statement, empty where it is not known. `schema` is where unqualified names go. `answers` are the rows that the
    remedy's question got, `names` what its pattern found in the message.
    """

    sqlstate: str
    message: str
    detail: str = ""
    hint: str = ""
    text: str = ""
    sql: str = ""
    schema: str = ""
    migration_id: str = ""
    path: str = ""
    line: int = 0
    transactional: bool = True
    search_path: tuple[str, ...] = ()
    role: str = ""
    database: str = ""
    server: int = 0
    table_schema: str = ""
    table: str = ""
    column: str = ""
    constraint: str = ""
    answers: tuple[Row, ...] = ()
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def parsed(self) -> statement.Statement | None:
        """Return the statement as the parser reads it; None where it does not."""
        try:
            found = statement.split(self.text)
        except statement.SyntaxProblem:
            return None
        return found[0] if found else None

    @property
    def node(self) -> str:
        """Return the name of the statement's parse node, such as `alter_table_stmt`; empty where it is not known."""
        return str(self.parsed.node.WhichOneof("node") or "") if self.parsed else ""

    def part(self) -> Any:
        """Return the statement's parse node; only where `node` is not empty."""
        assert self.parsed is not None
        return getattr(self.parsed.node, self.node)

    def on(self) -> str:
        """Return the qualified name, as SQL, of the table that the error or the statement is about; empty for none."""
        if self.table:
            return name(self.table_schema, self.table)
        relation = getattr(self.part(), "relation", None) if self.node else None
        if relation is not None and relation.DESCRIPTOR.name == "RangeVar" and relation.relname:
            return name(relation.schemaname or self.schema, relation.relname)
        return ""

    def siblings(self) -> Sequence[statement.Statement]:
        """Return the statements of the whole file; none where the parser cannot read it."""
        try:
            return statement.split(self.sql)
        except statement.SyntaxProblem:
            return ()


def _nothing_to_ask(_: Case) -> Mapping[str, str]:
    return {}


@dataclasses.dataclass(frozen=True)
class Remedy:
    """A row of the table: which failures it is for, and what it says of them.

    `message` is a pattern that is searched in the server's words; its named groups become `names`. `nodes` are the
    parse nodes of statements, any where it is empty. `advice` is the text, with names in braces, or a function that
    makes it; the function may return an empty text: then the row does not apply. `question` is asked of the catalog
    before, about what `about` returns. `first` is what a person does before running again.
    """

    id: str
    sqlstate: str
    advice: str | Callable[[Case], str]
    message: str = ""
    nodes: tuple[str, ...] = ()
    transactional: bool | None = None
    question: str = ""
    about: Callable[[Case], Mapping[str, str]] = _nothing_to_ask
    first: str = "Fix the file"

    def of(self, case: Case) -> Case | None:
        """Return the case with the names that this row's pattern found; None where the row is for others."""
        if self.sqlstate != case.sqlstate or (self.nodes and case.node not in self.nodes):
            return None
        if self.transactional not in (None, case.transactional):
            return None
        found = re.search(self.message, case.message, re.DOTALL)
        if found is None:
            return None
        return dataclasses.replace(case, names={key: value or "" for key, value in found.groupdict().items()})

    def advise(self, case: Case) -> str:
        """Return the text for a case that `of` returned, its answers filled in."""
        if not isinstance(self.advice, str):
            return self.advice(case)
        names = {key: name(value) for key, value in case.names.items()}
        return self.advice.format_map(
            {
                "role": name(case.role),
                "database": name(case.database),
                "schema": name(case.schema),
                "schema_name": case.schema,
                "on": case.on() or "the_table",
                "column": name(case.column),
                "constraint": name(case.constraint),
                "path": case.path,
                "id": case.migration_id,
                **names,
            }
        )
