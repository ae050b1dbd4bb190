"""What may be put into a column: SQL of the number of a row, the likeliest first."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from schemata.postgres import quoting
from schemata.samples import patterns, structure, values
from schemata.seed.values import bounds, expressions, known_types, spread

#: One of several values that all come; one way of several to make a value; NULL; the row that a foreign key picks.
Kind = Literal["item", "option", "null", "key"]

#: What a nullable column is: NULL once for about nine values.
NULL_WEIGHT = 0.11
_PLAIN = ("created", "updated", "inserted", "occurred", "modified")
_NAME = re.compile(r'"(?:[^"]|"")+"|[a-z_][\w$]*')
_EQUATION = re.compile(r'(?P<column>"(?:[^"]|"")+"|[a-z_][\w$]*) = (?P<rest>.*)', re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A way to fill a column.

    :param uses: other columns of the row that it is made of. :param room: how many different values; 0 is enough.
    :param probe: SQL that stands for it where there is no row to pick. :param left_out: the column's default does it.
    """

    sql: str
    kind: Kind = "option"
    weight: float = 1.0
    uses: frozenset[str] = frozenset()
    room: int = 0
    probe: str = ""
    left_out: bool = False


NULL = Candidate("NULL", "null", NULL_WEIGHT)
LEFT_OUT = Candidate("", left_out=True)


@dataclasses.dataclass(frozen=True)
class Frame:
    """What the values of a table are made from.

    :param step: microseconds between two rows. :param bases: the number that the first row follows, by column.
    :param distinct: how many different values, by column. :param given: what the settings say, by column.
    :param partitions: what the leaf partitions require. :param itself: foreign keys by which a row references itself.
    """

    table: structure.Table
    seed: int
    rows: int
    step: int
    bases: Mapping[str, int] = dataclasses.field(default_factory=dict)
    distinct: Mapping[str, float] = dataclasses.field(default_factory=dict)
    given: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    partitions: tuple[str, ...] = ()
    itself: frozenset[str] = frozenset()

    def salt(self, *names: str) -> int:
        """Return the number that makes something of this table its own."""
        return expressions.salt(self.seed, self.table.plain, *names)


def named(of: structure.Table, text: str) -> frozenset[str]:
    """Return the columns of a table that a condition names."""
    words = {bounds_name(word) for word in _NAME.findall(re.sub(r"'(?:[^']|'')*'", "", text))}
    return frozenset(column["name"] for column in of.columns if column["name"] in words)


def bounds_name(word: str) -> str:
    """Return a name of SQL without its quotes."""
    return word[1:-1].replace('""', '"') if word.startswith('"') else word


def of_key(frame: Frame, column: Mapping[str, Any], *, nullable: bool) -> list[Candidate]:
    """Return what stands for a column that a foreign key fills, or that counts on where foreign keys begin again.

    :param nullable: whether it may be NULL where a condition asks for that.
    """
    number = f"20000 + {expressions.ROW} % 10000" if column["base"] == "int2" else f"1000000 + {expressions.ROW}"
    made = _by_type(frame, column, number) if column["base"] in known_types.BY_TYPE else _of_templates(column, number)
    if column["base"] in known_types.NUMBERS:
        made = [Candidate(_typed(column, number))]
    elif column["base"] in known_types.TIMES:
        made = [Candidate(_typed(column, expressions.moment(frame.step)))]
    elif column["category"] in ("E", "B"):
        made = _plain(frame, column)
    probe = made[0].sql if made else "NULL"
    return [Candidate("", "key", probe=probe), *([NULL] if nullable and not column["not_null"] else [])]


def of_itself(frame: Frame, column: Mapping[str, Any], target: str) -> list[Candidate]:
    """Return what a column is by which each row references itself."""
    return [Candidate(_typed(column, quoting.identifier(target)), uses=frozenset({target}))]


def candidates(frame: Frame, column: Mapping[str, Any], *, carrier: bool) -> list[Candidate]:
    """Return what may be put into a column, the likeliest first.

    :param carrier: its value is another one in each row.
    """
    if column["name"] in frame.given:
        return _of_settings(frame, column)
    made = _carrying(frame, column) if carrier else _plain(frame, column)
    if not column["not_null"] and not carrier:
        made = [*made, NULL]
    if column["default"]:
        made = [*made, LEFT_OUT]
    return made or ([] if column["not_null"] else [NULL])


def can_carry(frame: Frame, column: Mapping[str, Any]) -> bool:
    """Tell whether a column can have another value in each row."""
    if column["name"] in frame.given or column["category"] in ("E", "B", "A", "C"):
        return isinstance(frame.given.get(column["name"]), str)
    if _listed(frame, column):
        return False
    return not any(column["name"] in named(frame.table, text) for text in frame.partitions)


def is_integer(column: Mapping[str, Any]) -> bool:
    """Tell whether a column holds whole numbers."""
    return column["base"] in known_types.INTEGERS


def _typed(column: Mapping[str, Any], sql: str) -> str:
    return f"({sql})::{column['type']}"


def _of_settings(frame: Frame, column: Mapping[str, Any]) -> list[Candidate]:
    given = frame.given[column["name"]]
    if isinstance(given, str):
        # `n` is the number of the row.
        return [Candidate(_typed(column, given), uses=named(frame.table, given) - {column["name"]} | {"n"})]
    weights = given if isinstance(given, Mapping) else dict.fromkeys(given, 1.0)
    return [_item(column, str(value), float(weight)) for value, weight in weights.items()]


def _alone(frame: Frame, column: Mapping[str, Any]) -> list[str]:
    """Return the checks that are about a column and no other one."""
    own = [text for _, numbers, text in frame.table.checks if set(numbers) == {column["number"]}]
    return [*own, *(text for _, text in column["checks"] or ())]


def _listed(frame: Frame, column: Mapping[str, Any]) -> list[str]:
    """Return the values that a column has by its checks; those that are about others as well name texts only."""
    name = column["name"]
    alone = _alone(frame, column)
    found = [*bounds.listed(alone, name), *bounds.listed(alone, "VALUE")]
    if not found and column["category"] == "S":
        found = bounds.listed([text for _, numbers, text in frame.table.checks if column["number"] in numbers], name)
    return found


def _item(column: Mapping[str, Any], value: str, weight: float) -> Candidate:
    return Candidate(f"{quoting.literal(value).strip()}::{column['type']}", "item", weight)


def _items(column: Mapping[str, Any], found: Sequence[str]) -> list[Candidate]:
    return [_item(column, value, 1 / (place + 1)) for place, value in enumerate(dict.fromkeys(found))]


def _number(frame: Frame, column: Mapping[str, Any], least: int) -> str:
    """Return SQL of a number of few different ones, by the scale or by how many rows there are."""
    wanted = int(frame.distinct.get(column["name"]) or max(least, frame.rows // 10))
    return f"(1 + {expressions.skewed(frame.salt(column['name']), wanted)})"


def _plain(frame: Frame, column: Mapping[str, Any]) -> list[Candidate]:
    name = column["name"]
    parts = [text for text in frame.partitions if name in named(frame.table, text)]
    if parts:
        return _of_partitions(frame, column, parts)
    if column["category"] == "E":
        return _items(column, column["labels"] or ())
    if column["category"] == "B":
        return _items(column, ("true", "false"))
    texts, listed = _alone(frame, column), _listed(frame, column)
    if column["base"] in known_types.NUMBERS:
        return _items(column, listed) or _of_numbers(frame, column, texts)
    if column["base"] in known_types.TIMES:
        return _of_times(frame, column, texts)
    if column["category"] == "A":
        arrays = [f"{{{value}}}" for value in values.literals_of(texts)]
        return [*_items(column, arrays), *_of_templates(column, "1")]
    if column["category"] in ("S", "U") and column["base"] not in known_types.BY_TYPE:
        return _of_texts(frame, column, _number(frame, column, 1000), texts, listed)
    return _by_type(frame, column, _number(frame, column, 1000))


def _by_type(frame: Frame, column: Mapping[str, Any], number: str) -> list[Candidate]:
    known = [
        Candidate(_typed(column, _filled(frame, column, sql, number)))
        for sql in known_types.BY_TYPE.get(column["base"], ())
    ]
    return [*known, *_of_templates(column, number)]


def _filled(frame: Frame, column: Mapping[str, Any], sql: str, number: str) -> str:
    return (
        sql.replace("{n}", number)
        .replace("{t}", expressions.moment(frame.step, unlike=True))
        .replace("{half}", expressions.duration(max(frame.step // 2, 1)))
        .replace("{salt}", str(frame.salt(column["name"])))
        .replace("{length}", str(max(column["modifier"], 1)))
    )


def _of_templates(column: Mapping[str, Any], number: str) -> list[Candidate]:
    """Return what the samples know of a type, first what differs by row."""
    texts = sorted(values.templates(column), key=lambda text: not re.search(r"(?<!\{)\{\w+\}(?!\})", text))
    return [Candidate(_typed(column, expressions.of_template(text, number))) for text in texts]


def _of_texts(
    frame: Frame, column: Mapping[str, Any], number: str, texts: Sequence[str], listed: Sequence[str]
) -> list[Candidate]:
    if listed:
        return _items(column, listed)
    hinted = [part for word, part in known_types.HINTS if word in column["name"].lower()]
    if hinted:
        return [*_items(column, hinted[0]), *_of_patterns(column, number, texts), *_of_templates(column, number)]
    return _texts(column, number, texts)


def _texts(column: Mapping[str, Any], number: str, texts: Sequence[str]) -> list[Candidate]:
    """Return texts: an address, what the checks' expressions describe, or the samples' own."""
    addresses = [f"'user' || {number} || '@example.org'"] if "mail" in column["name"].lower() else []
    found = [Candidate(_typed(column, sql)) for sql in addresses]
    shaped = _of_patterns(column, number, texts)
    made = _of_templates(column, number)
    if not addresses and column["category"] == "S":
        label = re.sub(r"[^a-z]+", " ", column["name"].lower()).strip() or "sample"
        found.append(Candidate(_typed(column, f"'{label} ' || {number}")))
    varying, fixed = made[:-2], made[-2:]
    literals = [Candidate(_typed(column, quoting.literal(text).strip())) for text in values.literals_of(texts)]
    return [*found, *varying, *shaped, *literals, *fixed]


def _of_patterns(column: Mapping[str, Any], number: str, texts: Sequence[str]) -> list[Candidate]:
    found = []
    for shape in values.shapes_of(texts):
        sql, room = expressions.of_pattern(patterns.pieces(shape), number)
        found.append(Candidate(_typed(column, sql), room=room))
    return found


def _of_numbers(frame: Frame, column: Mapping[str, Any], texts: Sequence[str]) -> list[Candidate]:
    limit = bounds.between(texts, column["name"])
    if not (limit.low or limit.high):
        limit = bounds.between(texts, "VALUE")
    drawn = frame.salt(column["name"])
    if not limit.are_numbers:
        limit = bounds.Bounds()
    made = [(_whole if is_integer(column) else _fraction)(frame, column, limit, drawn)]
    equations = [
        one for text in values.checks_of(frame.table, column) if (one := _equation(frame, column, text)) is not None
    ]
    others = [Candidate(_typed(column, sql)) for sql in ("0", "1", f"-({made[0].sql})")]
    return [*equations, *made, *_of_siblings(frame, column), *others]


def _whole(frame: Frame, column: Mapping[str, Any], limit: bounds.Bounds, drawn: int) -> Candidate:
    most = known_types.INTEGERS[column["base"]]
    low = int(float(limit.low)) + (not limit.low_is_in) if limit.low else min(1, int(float(limit.high or 1)))
    high = int(float(limit.high)) - (not limit.high_is_in) if limit.high else most
    wanted = int(frame.distinct.get(column["name"]) or 1000)
    width = max(1, min(high, most) - low + 1)
    return Candidate(_typed(column, f"{low} + {expressions.skewed(drawn, min(width, wanted))}"))


def _fraction(frame: Frame, column: Mapping[str, Any], limit: bounds.Bounds, drawn: int) -> Candidate:
    wanted = int(frame.distinct.get(column["name"]) or 0)
    share = spread.share(drawn, wanted) if wanted else expressions.share(drawn)
    precision, scale = 30, 4
    if column["base"] == "numeric" and column["modifier"] >= 4:
        precision, scale = (column["modifier"] - 4) >> 16 & 65_535, (column["modifier"] - 4) & 2047
    digits = min(scale, 6) if limit.low and limit.high else min(scale, 2)
    if limit.low and limit.high:
        low, high = float(limit.low), float(limit.high)
        sql = f"{low!r} + {high - low!r} * (0.001 + 0.998 * {share})"
    elif limit.high:
        below = f"(1 + {spread.amount(drawn, wanted, digits, 9)})" if wanted else f"10 ^ {share}"
        sql = f"{float(limit.high)!r} - {below}"
    else:
        # Many small amounts and few large ones.
        power = max(0, min(4, precision - scale - 1))
        start = f"{float(limit.low)!r} + " if limit.low and float(limit.low) >= 1 else ""
        above = f"(1 + {spread.amount(drawn, wanted, digits, 10**power - 1)})" if wanted else ""
        sql = start + (above or f"10 ^ ({power} * {share})")
    if column["base"] == "numeric":
        # Made of a whole number: from a float it would be by way of text, which takes longer than the rest of a row.
        sql = f"floor({10**digits} * ({sql}))::int8 * {10**-digits:.{digits}f}"
    return Candidate(_typed(column, sql))


def _equation(frame: Frame, column: Mapping[str, Any], text: str) -> Candidate | None:
    """Return what a check says that a column is equal to, in terms of other columns."""
    inner = text.removeprefix("CHECK ").strip()
    while inner.startswith("(") and inner.endswith(")"):
        inner = inner[1:-1]
    match = _EQUATION.fullmatch(inner.replace(" NOT VALID", ""))
    if not match or bounds_name(match["column"]) != column["name"] or re.search(r" (AND|OR) ", match["rest"]):
        return None
    rest = match["rest"]
    rest += ")" * (rest.count("(") - rest.count(")"))
    others = named(frame.table, rest)
    if not others or column["name"] in others:
        return None
    return Candidate(_typed(column, rest), uses=others)


def _of_siblings(frame: Frame, column: Mapping[str, Any]) -> list[Candidate]:
    """Return the values of other columns that a check compares with this one: the same, and half of it."""
    found = []
    for _, numbers, text in frame.table.checks:
        if column["number"] not in numbers or len(numbers) < 2:
            continue
        for other in frame.table.columns:
            if other["number"] in numbers and other is not column and other["category"] == column["category"]:
                if other["name"] not in named(frame.table, text) or other["base"] not in known_types.NUMBERS:
                    continue
                name, uses = quoting.identifier(other["name"]), frozenset({other["name"]})
                found += [Candidate(_typed(column, sql), uses=uses) for sql in (name, f"{name} / 2", f"{name} + 1")]
    return list(dict.fromkeys(found))


def _of_times(frame: Frame, column: Mapping[str, Any], texts: Sequence[str]) -> list[Candidate]:
    """Return times: of the row, or a while after or before it, the later the further right the column stands."""
    limit = bounds.between(texts, column["name"])
    if limit.low and limit.high and not limit.are_numbers:
        return [_between(frame, column, limit, frame.salt(column["name"]))]
    drawn, wanted = frame.salt(column["name"]), int(frame.distinct.get(column["name"]) or 0)
    moment = spread.moment(drawn, wanted, days=column["base"] == "date") if wanted else expressions.moment(frame.step)
    times = [one["name"] for one in frame.table.columns if one["base"] in known_types.TIMES]
    plain = column["name"].startswith(_PLAIN) or column["name"] == "date"
    place = 0 if plain else 1 + times.index(column["name"])
    share = "0" if wanted else expressions.share(drawn)
    offset = f"interval '{place} days' * (1 + 0.9 * {share})"
    if column["base"] != "date":
        offset = f"interval '{place} hours' + interval '55 minutes' * {share}"
    made = [moment] if plain else [f"{moment} + {offset}", moment, f"{moment} - ({offset})"]
    made += [f"{moment} + {one}" for one in (f"{offset} + interval '30 days'", "interval '75 years'")]
    made.append(f"{moment} - interval '25 years'")
    return [Candidate(_typed(column, sql)) for sql in made]


def _between(frame: Frame, column: Mapping[str, Any], limit: bounds.Bounds, drawn: int) -> Candidate:
    wanted = int(frame.distinct.get(column["name"]) or 0)
    share = spread.share(drawn, wanted) if wanted else expressions.share(drawn)
    low, high = (f"{column['base']} {quoting.literal(value).strip()}" for value in (limit.low, limit.high))
    if column["base"] == "date":
        return Candidate(_typed(column, f"{low} + floor(({high} - {low}) * {share})::int4"), "item")
    return Candidate(_typed(column, f"{low} + {share} * ({high} - {low})"), "item")


def _of_partitions(frame: Frame, column: Mapping[str, Any], parts: Sequence[str]) -> list[Candidate]:
    """Return values for each partition, so that all get rows."""
    found: list[Candidate] = []
    drawn = frame.salt(column["name"])
    for text in parts:
        limit = bounds.between([text], column["name"])
        listed = bounds.listed([text], column["name"])
        if listed:
            found += [_item(column, value, 1.0) for value in listed]
        elif column["base"] in known_types.TIMES and limit.low and limit.high:
            found.append(_between(frame, column, limit, drawn))
        elif column["base"] in known_types.INTEGERS and (limit.low or limit.high) and limit.are_numbers:
            found.append(dataclasses.replace(_whole(frame, column, limit, drawn), kind="item"))
    without = dataclasses.replace(frame, partitions=())
    return [*dict.fromkeys(found), *(one for one in _plain(without, column) if one.kind == "option" or not found)]


def _carrying(frame: Frame, column: Mapping[str, Any]) -> list[Candidate]:
    row = expressions.ROW
    base = column["base"]
    if base in known_types.INTEGERS:
        base_number = frame.bases.get(column["name"], 0)
        room = max(known_types.INTEGERS[base] - base_number, 1)
        return [Candidate(_typed(column, f"{base_number} + {row}"), room=room)]
    if base in ("numeric", "float8", "float4"):
        return [Candidate(_typed(column, f"{frame.bases.get(column['name'], 0)} + {row}"))]
    if base == "date":
        dates = [one["name"] for one in frame.table.columns if one["base"] == "date"]
        return [
            Candidate(
                _typed(column, f"date '2000-01-01' + ({row} * {len(dates)} + {dates.index(column['name'])})::int4")
            )
        ]
    if base in known_types.TIMES:
        places = [one["name"] for one in frame.table.columns if one["base"] in known_types.TIMES]
        part = frame.step * places.index(column["name"]) // (len(places) + 1)
        moment = expressions.moment(frame.step, unlike=True)
        return [Candidate(_typed(column, f"{moment} + {expressions.duration(part)}"))]
    if column["category"] in ("S", "U") and base not in known_types.BY_TYPE:
        return _texts(column, row, values.checks_of(frame.table, column))
    return _by_type(frame, column, row)
