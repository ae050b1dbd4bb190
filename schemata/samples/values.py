"""Values for columns of a table of which nothing is known but its definition."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemata.postgres import quoting
from schemata.samples import patterns, structure

_LITERAL = re.compile(r"'((?:[^']|'')*)'::")
_SHAPE = re.compile(r"~\*? '((?:[^']|'')*)'")
_TEXTS = (
    "sample {n}", "s{n}", "a{n}@example.org", "https://example.org/{n}", "EUR", "A{n}", "{n}", "0{n}", "+4930123456{n}",
    "{hex}", "aa", "sample-{n}", "sample_{n}", "DE{n}", "x",
)  # fmt: skip
#: Candidates by the name of the type; {n} is the number of the row.
_BY_TYPE: Mapping[str, Sequence[str]] = {
    "uuid": ("00000000-0000-4000-8000-00000000000{n}",),
    "json": ('{{"sample": {n}}}', "[{n}]", "{{}}", "[]", '"{n}"'),
    "jsonb": ('{{"sample": {n}}}', "[{n}]", "{{}}", "[]", '"{n}"'),
    "date": ("2026-01-0{n}", "2099-01-0{n}", "2000-01-0{n}"),
    "timestamp": ("2026-01-0{n} 10:00", "2099-01-0{n} 10:00", "2000-01-0{n} 10:00"),
    "timestamptz": ("2026-01-0{n} 10:00+00", "2099-01-0{n} 10:00+00", "2000-01-0{n} 10:00+00"),
    "time": ("10:0{n}",), "timetz": ("10:0{n}+00",), "interval": ("{n} days", "{n} minutes"),
    "bytea": ("\\x0{n}", "\\x{hex}", "\\x{half}", "\\x{double}", "\\x{twenty}"),
    "inet": ("10.0.0.{n}",), "cidr": ("10.0.{n}.0/24",), "macaddr": ("08:00:2b:01:02:0{n}",),
    "int4range": ("[{n}0,{n}5)",), "int8range": ("[{n}0,{n}5)",), "numrange": ("[{n}0,{n}5)",),
    "daterange": ("[2026-0{n}-01,2026-0{n}-05)",), "tsrange": ("[2026-0{n}-01,2026-0{n}-05)",),
    "tstzrange": ("[2026-0{n}-01,2026-0{n}-05)",),
    "tsvector": ("sample:{n}",), "xml": ("<sample>{n}</sample>",), "money": ("{n}",), "oid": ("{n}",),
    "point": ("({n},{n})",), "lseg": ("[(0,0),({n},{n})]",), "line": ("{{1,{n},1}}",), "path": ("[(0,0),({n},{n})]",),
    "polygon": ("((0,0),({n},{n}))",), "tsquery": ("sample{n}",), "jsonpath": ("$.sample",), "pg_lsn": ("0/{n}",),
    "macaddr8": ("08:00:2b:01:02:03:04:0{n}",), "int4multirange": ("{{[{n}0,{n}5)}}",), "xid8": ("{n}",),
    "datemultirange": ("{{}}",), "tstzmultirange": ("{{}}",), "bit": ("0",), "varbit": ("0",), "char": ("x",),
    "box": ("(0,0),({n},{n})",), "circle": ("<(0,0),{n}>",), "hstore": ("sample=>{n}",),
}  # fmt: skip
_BY_CATEGORY: Mapping[str, Sequence[str]] = {
    "N": ("{n}", "{n}0", "0", "{n}00", "0.{n}", "{n}000", "-{n}"),
    "S": _TEXTS,
    "B": ("true", "false"),
    "V": ("1", "0"),
    "A": ("{{{n}}}", "{{}}"),
}


def candidates(of: structure.Table, column: Mapping[str, Any], row: int, *, least: bool = False) -> list[str]:
    """Return expressions in SQL to try for a column, the likeliest first; with `least` NULL is the likeliest."""
    found = _in_order(of, column, row)
    if least and not column["not_null"] and "NULL" in found:
        found.remove("NULL")
        return ["NULL", *found]
    return found


def _in_order(of: structure.Table, column: Mapping[str, Any], row: int) -> list[str]:
    first = ["DEFAULT"] if column["default"] else []
    nothing = [] if column["not_null"] else ["NULL"]
    referenced: list[str] = []
    for key in of.keys:
        if column["number"] in key.own:
            name = key.theirs[key.own.index(column["number"])]
            for skipped in (row - 1, 0):
                referenced.append(f"(SELECT {name} FROM {key.other} ORDER BY ctid OFFSET {skipped} LIMIT 1)")
            if key.oid == of.oid and column["not_null"]:
                # The first row can refer to itself only.
                referenced += [value for value in _of_itself(of, name, row) if value != "DEFAULT"]
            if len(key.own) == 1 or not column["not_null"]:
                return list(dict.fromkeys([*first, *referenced, *nothing]))
    listed = _of_checks(of, column, row) or list(column["labels"] or () if column["category"] == "E" else ())
    if listed:
        # The values that a check lists come first, another one for each row.
        start = (row - 1) % len(listed)
        listed = listed[start:] + listed[:start]
    values = [*listed, *(_written(text, row) for text in templates(column))]
    if column["length"]:
        values = [value[: column["length"]] for value in values]
    found = [f"{quoting.literal(value)}::{column['type']}" for value in dict.fromkeys(values)]
    return list(dict.fromkeys([*first, *referenced, *found[:1], *nothing, *found[1:]])) or ["DEFAULT"]


def _of_itself(of: structure.Table, name: str, row: int) -> list[str]:
    """Return the likeliest values of a column that the table's own foreign key references."""
    keys = {number for key in of.keys for number in key.own}
    target = next((one for one in of.columns if one["name"] == name.strip('"')), None)
    return _in_order(of, target, row)[:1] if target and target["number"] not in keys else []


def checks_of(of: structure.Table, column: Mapping[str, Any]) -> list[str]:
    """Return the definitions of the checks that a column is in: of the table, and of its domain."""
    texts = [text for _, numbers, text in of.checks if column["number"] in numbers]
    return [*texts, *(text for _, text in column["checks"] or ())]


def shapes_of(texts: Sequence[str]) -> list[str]:
    """Return the regular expressions that checks compare with.

    >>> shapes_of(["CHECK ((code ~ '^[A-Z]{2}$'::text))"])
    ['^[A-Z]{2}$']
    """
    return [shape.replace("''", "'") for text in texts for shape in _SHAPE.findall(text)]


def literals_of(texts: Sequence[str]) -> list[str]:
    """Return the texts that checks name, without regular expressions.

    >>> literals_of(["CHECK ((kind = ANY (ARRAY['a'::text, 'b'::text])))"])
    ['a', 'b']
    """
    named = [match.replace("''", "'") for text in texts for match in _LITERAL.findall(_SHAPE.sub("", text))]
    return list(dict.fromkeys(named))


def _of_checks(of: structure.Table, column: Mapping[str, Any], row: int) -> list[str]:
    """Return values that the checks of a column name."""
    found: list[str] = []
    for text in checks_of(of, column):
        if column["category"] == "A":
            found += [f"{{{value}}}" for value in literals_of([text])]
        elif column["category"] in ("S", "E", "U"):
            found += [patterns.example(shape, row) for shape in shapes_of([text])] or literals_of([text])
    return found


def templates(column: Mapping[str, Any]) -> Sequence[str]:
    """Return texts that the type of a column takes; `{n}` in them is the number of the row."""
    if column["attributes"]:
        return (f"({',' * (column['attributes'] - 1)})",)
    if column["category"] == "A" and column["labels"]:
        return (*(f"{{{{{_in_array(label)}}}}}" for label in column["labels"]), "{{}}")
    return _BY_TYPE.get(column["base"]) or _BY_CATEGORY.get(column["category"], ())


def _in_array(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("{", "{{").replace("}", "}}")
    return f'"{quoted}"'


def _written(text: str, row: int) -> str:
    return text.format(
        n=row, hex=f"{row:x}" * 64, half=f"{row:x}" * 32, double=f"{row:x}" * 128, twenty=f"{row:x}" * 40
    )


def numbers(start: int, count: int) -> Iterator[int]:
    """Give the numbers of rows that are to be made; nine at most differ in every type."""
    yield from range(start + 1, min(count, 9) + 1)
