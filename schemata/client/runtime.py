"""Column types of a generated client: `inv generate` copies this file into the client as `_sqltypes.py`.

With loaders.py, which is copied with it as `_loaders.py`, it stands by itself (SQLAlchemy and psycopg, nothing of
the engine), because a service has the client and not always the engine. Two things are its purpose:

- Types that SQLAlchemy does not know, or not wholly: enums, composites, arrays and ranges of everything, extension
  types. Each is sent as PostgreSQL's text with a cast to its qualified name, so it works under any search_path.
- Values that PostgreSQL holds and Python does not: `infinity`, dates before year 1 or after 9999, 24:00, intervals
  of months, an enum's label that this client does not know. They arrive as `str`, PostgreSQL's ISO text, and can be
  sent back as that. Everything else arrives as the type that the models say.
"""

import enum
import ipaddress
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import psycopg
import sqlalchemy
from psycopg import pq
from psycopg.types import range as psycopg_range
from sqlalchemy import types
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect
from sqlalchemy.dialects.postgresql.ranges import MultiRange
from sqlalchemy.engine import interfaces
from sqlalchemy.sql import operators

from schemata.client import loaders

T = TypeVar("T")
#: What columns of the types inet and cidr hold.
Inet = ipaddress.IPv4Address | ipaddress.IPv6Address | ipaddress.IPv4Interface | ipaddress.IPv6Interface
Cidr = ipaddress.IPv4Network | ipaddress.IPv6Network
Kind = types.TypeEngine[Any] | type[types.TypeEngine[Any]]
_TEXT = pq.Format.TEXT
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call,unused-ignore]
_MODIFIER = re.compile(r"\s*\([^)]*\)")
_PIECE = r'"((?:[^"\\]|\\.|"")*)"'
_ESCAPE = re.compile(r'\\(.)|"(")', re.DOTALL)
_RANGE = re.compile(rf'\s*([\[(])(?:{_PIECE}|([^",\[\]()]*)),(?:{_PIECE}|([^",\[\]()]*))([\])])', re.DOTALL)
_FIELD = re.compile(rf'(?:{_PIECE}|([^,()"]*))([,)])', re.DOTALL)
_PAIR = re.compile(rf"{_PIECE}=>(?:{_PIECE}|NULL)", re.DOTALL)
_NATIVE_RANGES: dict[str, type[types.TypeEngine[Any]]] = {
    f"{name.lower()}{kind}": getattr(postgresql, f"{name}{kind.upper()}")
    for name in ("INT4", "INT8", "NUM", "DATE", "TS", "TSTZ")
    for kind in ("range", "multirange")
}


def _instance(kind: Kind) -> types.TypeEngine[Any]:
    return kind() if isinstance(kind, type) else kind


def _codec(kind: types.TypeEngine[Any]) -> tuple[Callable[[str], Any], Callable[[Any], str]]:
    """Return what makes a Python value from the text of a type, and the text from such a value."""
    if isinstance(kind, (Named, Array, RangeOf)):
        return kind.load, kind.dump
    name = _MODIFIER.sub("", kind.compile(dialect=_DIALECT)).lower()
    info = psycopg.adapters.types.get(name)
    dump = json.dumps if isinstance(kind, types.JSON) else loaders.plain
    if info is None or isinstance(kind, types.String):
        return str, dump
    loader = loaders.TRANSFORMER.get_loader(info.oid, _TEXT)
    return lambda text: loader.load(text.encode()), dump


def _unquote(quoted: str, bare: str) -> str:
    return bare or _ESCAPE.sub(lambda found: found[1] or found[2], quoted)


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Text(Generic[T]):
    """What the types below share: a Python value is sent as text, and text that arrives is made a value."""

    def load(self, text: str) -> T:
        """Return the value of PostgreSQL's text."""
        raise NotImplementedError

    def dump(self, value: T) -> str:
        """Return PostgreSQL's text of a value."""
        return loaders.plain(value)

    def read(self, value: Any) -> Any:
        """Return the value of what the driver gave."""
        return self.load(value) if isinstance(value, str) else value

    def bind_processor(self, dialect: interfaces.Dialect) -> Callable[[Any], Any]:
        """Send a value as text; a `str` as it is."""
        return lambda value: None if value is None else value if type(value) is str else self.dump(value)

    def result_processor(self, dialect: interfaces.Dialect, coltype: object) -> Callable[[Any], Any]:
        """Make values of what arrives."""
        return lambda value: None if value is None else self.read(value)


class Named(_Text[T], types.UserDefinedType[T]):
    """A type by its name in PostgreSQL; `python` makes a value from its text (str, int)."""

    cache_ok = True
    render_bind_cast = True

    def __init__(self, name: str, python: Callable[[str], Any] = str) -> None:
        self.name = name
        self.python = python

    def load(self, text: str) -> T:
        """Return the value of PostgreSQL's text."""
        made: Callable[[str], T] = self.python
        return made(text)

    def get_col_spec(self, **options: Any) -> str:
        """Return the name for casts."""
        return self.name


class Enum(Named[T]):
    """An enum: members of a class, and the bare text of a label that the class does not have."""

    cache_ok = True

    def __init__(self, python: type[enum.StrEnum], name: str) -> None:
        super().__init__(name, python)

    def load(self, text: str) -> Any:
        """Return the value of PostgreSQL's text."""
        try:
            return self.python(text)
        except ValueError:
            return text

    def read(self, value: Any) -> Any:
        """Return the value of what the driver gave."""
        return self.load(value)


class Money(Named[T]):
    """An amount of money: a decimal, whatever the server's lc_monetary prints."""

    cache_ok = True

    def column_expression(self, colexpr: Any) -> Any:
        """Ask the server for a number."""
        return sqlalchemy.cast(colexpr, sqlalchemy.Numeric)


class Numbers(Named[T]):
    """A list of numbers in one value: `vector` ([1,2]) and `oidvector` (1 2)."""

    cache_ok = True
    hashable = False

    def load(self, text: str) -> Any:
        """Return the value of PostgreSQL's text."""
        return [self.python(part) for part in re.split(r"[\s,]+", text.strip("[] ")) if part]

    def dump(self, value: Any) -> str:
        """Return PostgreSQL's text of a value."""
        return f"[{','.join(map(str, value))}]" if self.python is float else " ".join(map(str, value))


class Hstore(Named[T]):
    """A flat dictionary of text."""

    cache_ok = True
    hashable = False
    comparator_factory = postgresql.HSTORE.Comparator  # type: ignore[assignment,unused-ignore]
    text_type = types.Text()  # of `column['key']`

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """Take a key for a text, and keys for a list of them."""
        return (
            types.Text()
            if isinstance(value, str)
            else postgresql.ARRAY(types.Text)
            if isinstance(value, list)
            else self
        )

    def load(self, text: str) -> Any:
        """Return the value of PostgreSQL's text."""
        pairs = (found.groups() for found in _PAIR.finditer(text))
        return {_unquote(key, ""): None if one is None else _unquote(one, "") for key, one in pairs}

    def dump(self, value: Any) -> str:
        """Return PostgreSQL's text of a value."""
        return ",".join(f"{_quote(key)}=>{'NULL' if one is None else _quote(one)}" for key, one in value.items())


class Composite(Named[T]):
    """A composite type: instances of a class with an attribute a field."""

    cache_ok = True

    def __init__(self, python: Callable[..., T], name: str, fields: tuple[Kind, ...]) -> None:
        super().__init__(name, python)
        self.fields = tuple(map(_instance, fields))
        self._codecs = [_codec(field) for field in self.fields]

    def load(self, text: str) -> T:
        """Return the value of PostgreSQL's text."""
        values: list[Any] = [
            load(_unquote(found[1] or "", found[2])) if found[2] or found[1] is not None else None
            for found, (load, _) in zip(_FIELD.finditer(text[1:]), self._codecs, strict=True)
        ]
        make: Callable[..., T] = self.python
        return make(*values)

    def dump(self, value: Any) -> str:
        """Return PostgreSQL's text of a value."""
        parts = (getattr(value, name) for name in type(value).__dataclass_fields__)
        texts = (
            "" if part is None else _quote(dump(part)) for part, (_, dump) in zip(parts, self._codecs, strict=True)
        )
        return f"({','.join(texts)})"


class _Elements(postgresql.ARRAY.Comparator):  # type: ignore[type-arg,unused-ignore]  # generic since 2.1
    """What an array can be asked: an element is of the array's item, of a list of lists it is a list."""

    def _setup_getitem(self, index: Any) -> Any:
        operator, right, kind = super()._setup_getitem(index)  # type: ignore[no-untyped-call,unused-ignore]
        array: Any = self.type
        if not isinstance(index, slice) and isinstance(array, Array):
            kind = array.element
        return operator, right, kind


class Array(_Text[T], types.TypeDecorator[T]):
    """An array of any type; `name` is the element's type where it is not the one that `item` says (a domain)."""

    cache_ok = True
    impl = postgresql.ARRAY
    hashable = False
    comparator_factory = _Elements  # type: ignore[assignment,unused-ignore]

    def __init__(self, item: Kind, name: str = "", delimiter: str = ",", depth: int = 1) -> None:
        super().__init__(Named(name) if name else item)
        self.depth = depth
        self.item = item = _instance(item)
        self.name = name
        self.delimiter = delimiter
        self._load, self._dump = _codec(item)
        self._read = item.read if isinstance(item, (Named, Array, RangeOf)) else lambda value: value
        self._nested = not isinstance(item, (types.JSON, Numbers))

    @property
    def element(self) -> types.TypeEngine[Any]:
        """Return the type of `column[1]`."""
        return Array(self.item, self.name, self.delimiter, self.depth - 1) if self.depth > 1 else self.item

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """Take a subscript for a number, and what is no list for an element."""
        if op is operators.getitem:
            return types.Integer()
        return self if value is None or type(value) is str or isinstance(value, (list, tuple)) else self.item

    def column_expression(self, column: Any) -> Any:
        """Ask the server for a number."""
        return sqlalchemy.cast(column, postgresql.ARRAY(sqlalchemy.Numeric)) if isinstance(self.item, Money) else column

    def load(self, text: str) -> Any:
        """Return the value of PostgreSQL's text."""
        opened: list[list[Any]] = [[]]
        start = text.index("=") + 1 if text.startswith("[") else 0
        for found in re.finditer(rf'[{{}}]|{_PIECE}|[^{{}}"{self.delimiter}]+', text[start:], re.DOTALL):
            token = found[0]
            if token == "{":
                opened.append([])
            elif token == "}":
                done = opened.pop()
                opened[-1].append(done)
            elif token[0] == '"':
                opened[-1].append(self._load(_unquote(found[1], "")))
            else:
                opened[-1].append(None if token.upper() == "NULL" else self._load(_ESCAPE.sub(r"\1", token)))
        return opened[0][0]

    def dump(self, value: Any) -> str:
        """Return PostgreSQL's text of a value."""
        parts = (
            "NULL"
            if one is None
            else self.dump(one)
            if self._nested and isinstance(one, (list, tuple)) and not isinstance(one, MultiRange)
            else _quote(self._dump(one))
            for one in value
        )
        return "{" + self.delimiter.join(parts) + "}"

    def read(self, value: Any) -> Any:
        """Return the value of what the driver gave."""
        if isinstance(value, str):
            return self.load(value)
        if value and self._nested and any(isinstance(one, list) for one in value):
            return [self.read(one) for one in value]
        return [None if one is None else self._read(one) for one in value]


class _Arrays(postgresql.ARRAY):  # type: ignore[type-arg,unused-ignore]  # generic since 2.1
    """An array that SQLAlchemy made, of `func.array_agg(column)` or `array([column])`.

    The driver does not know the arrays of a database's own types, so it gives text: of an enum, a domain, a composite.
    """

    render_bind_cast = True

    def column_expression(self, column: Any) -> Any:
        """Ask the server for numbers, of money."""
        item = self.item_type.item if isinstance(self.item_type, Array) else self.item_type
        return sqlalchemy.cast(column, postgresql.ARRAY(sqlalchemy.Numeric)) if isinstance(item, Money) else column

    def result_processor(self, dialect: interfaces.Dialect, coltype: object) -> Any:
        """Make a list of values of what arrives."""
        process = super().result_processor(dialect, coltype)  # type: ignore[no-untyped-call,unused-ignore]
        item: Kind = types.Text() if isinstance(self.item_type, (_Text, types.NullType)) else self.item_type
        return lambda value: process(Array(item).load(value) if isinstance(value, str) else value)


# For each engine with this driver, made before or after; arrays that the driver knows stay as they are.
psycopg_dialect.PGDialect_psycopg.colspecs[types.ARRAY] = _Arrays


class RangeOf(_Text[T], types.TypeDecorator[T]):
    """A range, or a multirange, over any type: `sqlalchemy.dialects.postgresql.Range`, and `MultiRange` of it."""

    cache_ok = True
    impl = types.NullType

    def __init__(self, subtype: Kind, name: str) -> None:
        super().__init__()
        self.subtype = subtype = _instance(subtype)
        self.name = name
        native = _NATIVE_RANGES.get(name)
        self.impl = native() if native else Named(name)  # type: ignore[assignment,misc,unused-ignore]
        self._load, self._dump = _codec(subtype)

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """Take an element (`stay.contains(day)`) for what it is."""
        return self if isinstance(value, (postgresql.Range, str, list, tuple)) else self.subtype

    def load(self, text: str) -> Any:
        """Return the value of PostgreSQL's text."""
        if text.lstrip().startswith("{"):
            return MultiRange(self._range(found) for found in _RANGE.finditer(text))
        found = _RANGE.match(text)
        return postgresql.Range(empty=True) if found is None else self._range(found)

    def _range(self, found: "re.Match[str]") -> "postgresql.Range[Any]":
        first, low_quoted, low, high_quoted, high, last = found.groups()
        lower, upper = (
            self._load(_unquote(quoted or "", bare)) if bare or quoted is not None else None
            for quoted, bare in ((low_quoted, low), (high_quoted, high))
        )
        return postgresql.Range(lower, upper, bounds=f"{first}{last}")  # type: ignore[arg-type,unused-ignore]

    def dump(self, value: Any) -> str:
        """Return PostgreSQL's text of a value."""
        if not isinstance(value, postgresql.Range):
            return "{" + ",".join(map(self.dump, value)) + "}"
        if value.empty:
            return "empty"
        lower, upper = ("" if one is None else _quote(self._dump(one)) for one in (value.lower, value.upper))
        return f"{value.bounds[0]}{lower},{upper}{value.bounds[1]}"

    def read(self, value: Any) -> Any:
        """Return the value of what the driver gave."""
        if isinstance(value, psycopg_range.Range):
            if value.isempty:
                return postgresql.Range(empty=True)
            bounds: Any = value.bounds
            return postgresql.Range(value.lower, value.upper, bounds=bounds)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return MultiRange(self.read(one) for one in value)
        return self.load(value) if isinstance(value, str) else value
