"""A column's type: the SQLAlchemy type and the Python type that a generated client says, and text to try it with."""

import dataclasses
from collections.abc import Mapping

from schemata.client import typed_catalog, typed_scope

#: The modules of the generated package that hold runtime.py and loaders.py, and the one with the project's own types.
RUNTIME = "_sqltypes"
LOADERS = "_loaders"
TYPES = "_types"
_PG = "sqlalchemy.dialects.postgresql"
_SA = "sqlalchemy"

#: Type in pg_catalog: (module of the SQLAlchemy type, expression after its name's first word, Python type, sample).
_KNOWN: dict[str, tuple[str, str, str, str]] = {
    "bool": (_SA, "Boolean", "bool", "t"),
    "int2": (_SA, "SmallInteger", "int", "1"),
    "int4": (_SA, "Integer", "int", "1"),
    "int8": (_SA, "BigInteger", "int", "1"),
    "float4": (_SA, "REAL", "float", "1.5"),
    "float8": (_SA, "Double(53)", "float", "1.5"),
    "numeric": (_SA, "Numeric", "decimal.Decimal", "0"),
    "text": (_SA, "Text", "str", "a"),
    "varchar": (_SA, "String", "str", "a"),
    "bpchar": (_SA, "CHAR", "str", "a"),
    "bytea": (_SA, "LargeBinary", "bytes", "\\x61"),
    "date": (_SA, "Date", "datetime.date", "2000-01-01"),
    "time": (_SA, "Time", "datetime.time", "01:02:03"),
    "timetz": (_SA, "Time(True)", "datetime.time", "01:02:03+00"),
    "timestamp": (_SA, "DateTime", "datetime.datetime", "2000-01-01 01:02:03"),
    "timestamptz": (_SA, "DateTime(True)", "datetime.datetime", "2000-01-01 01:02:03+00"),
    "interval": (_PG, "INTERVAL", "datetime.timedelta", "01:02:03"),
    "uuid": (_SA, "Uuid", "uuid.UUID", "00000000-0000-0000-0000-000000000001"),
    "json": (_SA, "JSON", "typing.Any", '{"a": 1}'),
    "jsonb": (_PG, "JSONB", "typing.Any", '{"a": 1}'),
    "inet": (_PG, "INET", f"{RUNTIME}.Inet", "127.0.0.1"),
    "cidr": (_PG, "CIDR", f"{RUNTIME}.Cidr", "127.0.0.0/8"),
    "macaddr": (_PG, "MACADDR", "str", "08:00:2b:01:02:03"),
    "macaddr8": (_PG, "MACADDR8", "str", "08:00:2b:01:02:03:04:05"),
    "tsvector": (_PG, "TSVECTOR", "str", "'a'"),
    "tsquery": (_PG, "TSQUERY", "str", "'a'"),
}
#: Types whose text is a number.
_NUMBERS = ("oid", "xid", "cid", "xid8")
#: Text of every other type in pg_catalog that has one of its own.
_SAMPLES = {
    "bit": "1", "varbit": "1", "money": "0", "point": "(1,2)", "lseg": "[(1,2),(3,4)]", "path": "((1,2),(3,4))",
    "box": "(3,4),(1,2)", "polygon": "((1,2),(3,4))", "line": "{1,2,3}", "circle": "<(1,2),3>", "xml": "<a/>",
    "jsonpath": "$", "pg_lsn": "0/1", "tid": "(0,1)", "oid": "1", "xid": "1", "cid": "1", "xid8": "1",
    "oidvector": "1 2", "int2vector": "1 2", "pg_snapshot": "1:1:", "txid_snapshot": "1:1:", "regtype": "integer",
    "regclass": "pg_class", "regproc": "now", "regprocedure": "now()", "regoper": "||/",
    "regoperator": "+(integer,integer)", "regconfig": "simple",
    "regdictionary": "simple", "regrole": "-", "regnamespace": "pg_catalog",
    "regcollation": '"C"', "name": "a", "char": "a", "refcursor": "a", "aclitem": "=r/postgres",
}  # fmt: skip
#: Those whose sample depends on nothing that a server may lack (a role, a text search configuration).
_SURE = ("bit", "varbit", "money", "point", "pg_lsn", "oid", "name", "char", "xid8")
#: What an unknown type, or a domain with a check, may take; the first that the server accepts is used.
_GUESSES = ("1", "a", "abc", "A", "a@b.co", "2000-01-01", "[1]", "{}", "0", "(0,0)", "POINT(0 0)", "12345", "")


@dataclasses.dataclass(frozen=True)
class Shape:
    """How a type is written in a generated module.

    :param sql: the SQLAlchemy type, an expression.
    :param python: the Python type, an annotation.
    """

    sql: str
    python: str


class Describer:
    """Writes types for one module.

    :param names: the class of each enum and composite, by the type's oid.
    :param local: those that the module itself has a name for.
    :param inside: whether the module is the one that holds them.
    """

    def __init__(
        self,
        catalog: typed_catalog.Catalog,
        names: Mapping[int, str],
        scope: typed_scope.Scope,
        local: Mapping[int, str],
        *,
        inside: bool = False,
    ) -> None:
        self._catalog = catalog
        self._names = names
        self._scope = scope
        self._local = local
        self._inside = inside

    def column(self, column: typed_catalog.Column) -> Shape:
        """Return the shape of a column."""
        return self._describe(column.type, column.typmod, column.dimensions)

    def field(self, column: typed_catalog.Column) -> Shape:
        """Return the shape of a composite's field, which arrives as text inside of the whole."""
        kind, _, _ = self._catalog.plain(column.type, column.typmod, column.dimensions)
        return self._money_in_text() if _is(kind, "money") else self.column(column)

    def runtime(self, name: str) -> str:
        """Return one of the runtime's types, as this module calls it."""
        return self._scope.name(f"{self._scope.package}.{RUNTIME}", name)

    def _describe(self, oid: int, typmod: int, dimensions: int) -> Shape:
        kind, typmod, dimensions = self._catalog.plain(oid, typmod, dimensions)
        if kind.element is not None:
            return self._array(kind.element, typmod, dimensions)
        if kind.kind == "e":
            own = self._own(kind)
            return Shape(f"{self.runtime('Enum')}({own}, {kind.text!r})", own)
        if kind.kind == "c":
            own = self._own(kind)
            return Shape(self._global(f"{self._names[kind.oid]}Type"), own)
        if kind.kind in "rm":
            return self._range(kind)
        if kind.schema == "pg_catalog":
            return self._builtin(kind, typmod)
        return self._extension(kind)

    def _own(self, kind: typed_catalog.Type) -> str:
        return self._local.get(kind.oid) or self._global(self._names[kind.oid])

    def _global(self, name: str) -> str:
        return name if self._inside else f"{self._scope.sibling(TYPES)}.{name}"

    def _array(self, element: int, typmod: int, dimensions: int) -> Shape:
        kind = self._catalog.types[element]
        plain, modifier, _ = self._catalog.plain(element, typmod, 0)
        # Without the length: a cast to one cuts silently, what is too long has to be refused.
        item = self._describe(element, -1 if _is(plain, "varchar") else modifier, 0)
        if _is(plain, "bpchar"):
            item = dataclasses.replace(item, sql=self._scope.name(_SA, "String"))
        extra = f", {kind.text!r}" if kind.kind == "d" else ""
        extra += ", delimiter=';'" if _is(plain, "box") else ""
        listed = self._scope.builtin("list")
        depth = max(dimensions, 1)
        extra += f", depth={depth}" if depth > 1 else ""
        return Shape(f"{self.runtime('Array')}({item.sql}{extra})", f"{listed}[" * depth + item.python + "]" * depth)

    def _range(self, kind: typed_catalog.Type) -> Shape:
        range_ = kind if kind.range is None else self._catalog.types[kind.range]
        subtype = self._describe(range_.subtype or 0, -1, 0)
        holder = self._scope.name(*((_PG, "Range") if kind.range is None else (f"{_PG}.ranges", "MultiRange")))
        return Shape(
            f"{self.runtime('RangeOf')}({subtype.sql}, {kind.text!r})",
            f"{holder}[{subtype.python}]",
        )

    def _builtin(self, kind: typed_catalog.Type, typmod: int) -> Shape:
        if kind.name in _KNOWN:
            module, expression, python, _ = _KNOWN[kind.name]
            name, bracket, rest = expression.partition("(")
            sql = self._scope.name(module, name) + (bracket + rest or _modifier(kind.name, typmod))
            return Shape(sql, self._python(python))
        if kind.name == "money":
            return Shape(f"{self.runtime('Money')}('money')", self._python("decimal.Decimal"))
        if kind.name in ("oidvector", "int2vector"):
            return self._numbers(kind, "int")
        if kind.name in _NUMBERS:
            number = self._scope.builtin("int")
            return Shape(f"{self.runtime('Named')}({kind.text!r}, {number})", number)
        # A cast to bit(n) cuts silently, and `bit` is bit(1).
        text = "bit varying" if kind.name == "bit" else kind.text
        return self._named(text)

    def _extension(self, kind: typed_catalog.Type) -> Shape:
        if kind.extension == "hstore" and kind.name == "hstore":
            text, optional = self._scope.builtin("str"), self._scope.name("typing", "Optional")
            return Shape(
                f"{self.runtime('Hstore')}({kind.text!r})",
                f"{self._scope.builtin('dict')}[{text}, {optional}[{text}]]",
            )
        if kind.extension == "vector" and kind.name in ("vector", "halfvec"):
            return self._numbers(kind, "float")
        return self._named(kind.text)

    def _numbers(self, kind: typed_catalog.Type, python: str) -> Shape:
        number, listed = self._scope.builtin(python), self._scope.builtin("list")
        return Shape(f"{self.runtime('Numbers')}({kind.text!r}, {number})", f"{listed}[{number}]")

    def _named(self, text: str) -> Shape:
        return Shape(f"{self.runtime('Named')}({text!r})", self._scope.builtin("str"))

    def _money_in_text(self) -> Shape:
        return self._named("money")

    def _python(self, name: str) -> str:
        module, dot, inner = name.rpartition(".")
        if not dot:
            return self._scope.builtin(name)
        if module == RUNTIME:
            return self.runtime(inner)
        return self._scope.name(module, inner) if module == "typing" else f"{self._scope.module(module)}.{inner}"


def _is(kind: typed_catalog.Type, name: str) -> bool:
    return kind.schema == "pg_catalog" and kind.name == name


def _modifier(name: str, typmod: int) -> str:
    if typmod < 0:
        return ""
    if name in ("varchar", "bpchar"):
        return f"({typmod - 4})"
    if name == "numeric":
        precision, scale = ((typmod - 4) >> 16) & 0xFFFF, (((typmod - 4) & 0x7FF) ^ 1024) - 1024
        return f"({precision}, {scale})"
    return ""


def hashable(catalog: typed_catalog.Catalog, oid: int) -> bool:
    """Tell whether a type's values in Python can be part of a row's identity."""
    kind, _, _ = catalog.plain(oid, -1, 0)
    if kind.kind == "r":
        return hashable(catalog, kind.subtype or 0)
    lists = ("json", "jsonb", "oidvector", "int2vector", "hstore", "vector", "halfvec")
    return kind.element is None and kind.kind not in "cm" and kind.name not in lists


def base(catalog: typed_catalog.Catalog, column: typed_catalog.Column) -> str:
    """Return the type beneath a column's domain, as SQL says it; empty where it has none."""
    if catalog.types[column.type].kind != "d":
        return ""
    return catalog.plain(column.type, column.typmod, column.dimensions)[0].text


def samples(catalog: typed_catalog.Catalog, column: typed_catalog.Column) -> list[str]:
    """Return texts for a column, of which the server should accept one: the likeliest first.

    >>> text = typed_catalog.Type(25, "pg_catalog", "text", "b", "text", None, None, -1, 0, False, None, None, None,
    ...                           (), False, ())
    >>> only = typed_catalog.Catalog((), {25: text})
    >>> samples(only, typed_catalog.Column("note", 25, -1, "text", 0, False, "", "", None))[0]
    'a'
    """
    first = _sample(catalog, column.type, column.typmod)
    return list(dict.fromkeys([first, *_GUESSES]))


def is_sure(catalog: typed_catalog.Catalog, oid: int) -> bool:
    """Tell whether the server certainly takes the first sample: a built-in type that no domain restricts."""
    kind = catalog.types[oid]
    inner = kind.element or kind.subtype or kind.range
    if inner is not None:
        return is_sure(catalog, inner)
    if kind.kind == "c":
        return all(is_sure(catalog, field.type) for field in kind.attributes)
    return kind.kind == "e" or (kind.schema == "pg_catalog" and (kind.name in _KNOWN or kind.name in _SURE))


def _sample(catalog: typed_catalog.Catalog, oid: int, typmod: int) -> str:
    kind, typmod, _ = catalog.plain(oid, typmod, 0)
    if kind.element is not None:
        return "{" + _quote(_sample(catalog, kind.element, typmod)) + "}"
    if kind.kind == "e":
        return kind.labels[0] if kind.labels else ""
    if kind.kind == "c":
        return f"({','.join(_quote(_sample(catalog, field.type, field.typmod)) for field in kind.attributes)})"
    if kind.kind == "m":
        return "{" + _sample(catalog, kind.range or 0, -1) + "}"
    if kind.kind == "r":
        bound = _quote(_sample(catalog, kind.subtype or 0, -1))
        return f"[{bound},{bound}]"
    if kind.schema != "pg_catalog":
        return _extension_sample(kind, max(typmod, 1))
    if kind.name == "bit":
        return "1" * max(typmod, 1)
    return _KNOWN[kind.name][3] if kind.name in _KNOWN else _SAMPLES.get(kind.name, "1")


def _extension_sample(kind: typed_catalog.Type, size: int) -> str:
    if kind.extension == "vector":
        return f"{{1:1}}/{size}" if kind.name == "sparsevec" else f"[{','.join(['1'] * size)}]"
    return {"hstore": '"a"=>"1", "b"=>NULL', "citext": "a", "ltree": "a.b"}.get(kind.name, "1")


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
