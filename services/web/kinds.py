"""What a request and an answer are made of: fields, each of a kind that reads, refuses and describes itself."""

import datetime
import decimal
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.web import problems

#: The largest bigint.
BIGGEST: Final = 2**63 - 1
_DEPTH = 20
#: Digits of a number in a JSON object, written out without an exponent, as jsonb does.
_DIGITS = 1_000


class Wrong(Exception):
    """A value is not of its kind. Holds (pointer below the value, what is wrong) for each fault."""

    def __init__(self, *faults: tuple[str, str]) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass(frozen=True)
class Written:
    """A JSON value as its text, which goes to the database and into an answer as it is."""

    text: str


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    :param read: returns the value for the database from one of JSON, or raises Wrong.
    :param schema: of what is accepted; `shown` is that of what is answered.
    :param whole: whether it is a number in a query too; every other kind is text there.
    :param fields: of the objects, for a list of them.
    :param written: whether its values are Written.
    """

    read: Callable[[Any], Any]
    schema: Mapping[str, Any]
    shown: Mapping[str, Any]
    example: Any
    whole: bool = False
    fields: tuple["Field", ...] = ()
    written: bool = False

    def from_text(self, text: str) -> Any:
        """Return the value that a query parameter says, or raise Wrong."""
        if not self.whole:
            return self.read(text)
        if not re.fullmatch(r"[0-9]{1,19}", text, re.ASCII):
            raise Wrong(("", "must be an id: a whole number"))
        return self.read(int(text))


@dataclass(frozen=True)
class Field:
    """A field of a resource.

    :param given: whether a client gives it when it creates one: "required", "optional" or "never".
    :param nullable: whether it may be null, given and shown.
    :param listed: whether lists show it; what is not listed is shown by the single resource only.
    """

    name: str
    kind: Kind
    text: str
    given: str = "required"
    nullable: bool = False
    listed: bool = True


def read(fields: Sequence[Field], body: Any) -> dict[str, Any]:
    """Return the values of an object's fields, those that are given; raises Wrong with every fault that it has."""
    if not isinstance(body, dict):
        raise Wrong(("", "must be an object"))
    taken = {field.name: field for field in fields if field.given != "never"}
    faults = [
        (f"/{_escaped(name)}", f"is not known; there is {', '.join(taken)}") for name in body if name not in taken
    ]
    values: dict[str, Any] = {}
    for name, field in taken.items():
        if name not in body:
            if field.given == "required":
                faults.append((f"/{name}", "is required"))
        elif body[name] is None:
            if field.nullable:
                values[name] = None
            else:
                faults.append((f"/{name}", "must not be null"))
        else:
            try:
                values[name] = field.kind.read(body[name])
            except Wrong as error:
                faults += [(f"/{name}{pointer}", text) for pointer, text in error.faults]
    if faults:
        raise Wrong(*faults[:50])
    return values


def checked(fields: Sequence[Field], body: Any) -> dict[str, Any]:
    """Return the values of a body, or raise the problem that names each fault and its place."""
    try:
        return read(fields, body)
    except Wrong as error:
        faults = [problems.Fault(f"{pointer[1:] or 'the body'} {text}", pointer) for pointer, text in error.faults]
        raise problems.Problem(422, "The body is not as described; see errors.", faults) from None


def text(most: int, example: str, pattern: str = "", least: int = 1) -> Kind:
    """Return the kind of text of up to `most` characters , not all spaces, that fits the pattern, if any."""

    def take(value: Any) -> str:
        if not isinstance(value, str):
            raise Wrong(("", "must be text"))
        _storable(value)
        if len(value) > most:
            raise Wrong(("", f"must have at most {most} characters"))
        if least and not value.strip():
            raise Wrong(("", "must not be blank"))
        # PostgreSQL's `$` is the end of the text; Python's would let a line break follow.
        if pattern and not re.search(pattern.replace("$", r"\Z"), value, re.ASCII):
            raise Wrong(("", f"must fit {pattern}"))
        return value

    schema: dict[str, Any] = {"type": "string", "minLength": least, "maxLength": most}
    if pattern:
        schema["pattern"] = pattern
    return Kind(take, schema, {"type": "string"}, example)


def choice(*words: str) -> Kind:
    """Return the kind of one of these words."""

    def take(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise Wrong(("", f"must be one of {', '.join(words)}"))
        return value

    # Not an enum where it is shown: a newer database may know one more.
    return Kind(take, {"type": "string", "enum": list(words)}, {"type": "string"}, words[0])


def whole(least: int = 1, most: int = BIGGEST, example: int = 1) -> Kind:
    """Return the kind of a whole number within bounds; by default that of an id."""

    def take(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Wrong(("", "must be a whole number"))
        if not least <= value <= most:
            raise Wrong(("", f"must be between {least} and {most}"))
        return value

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Kind(take, schema, {"type": "integer"}, example, whole=True)


def number(
    digits: int, scale: int, example: str, *, positive: bool = False, above_zero: bool = False, most: int | None = None
) -> Kind:
    """Return the kind of an exact number with `scale` of its `digits` after the point: text, or a JSON number.

    It is shown as text: a program that reads JSON numbers as floats would round an amount of money.

    :param positive: whether it must not be negative; `above_zero`: nor zero. `most`: the largest.
    """
    positive = positive or above_zero
    fraction = rf"(\.[0-9]{{1,{scale}}})?"
    pattern = rf"^{'' if positive else '-?'}[0-9]{{1,{digits - scale}}}{fraction}$"

    def take(value: Any) -> decimal.Decimal:
        if isinstance(value, str):
            if not re.search(pattern.replace("$", r"\Z"), value, re.ASCII):
                raise Wrong(("", f"must fit {pattern}"))
            amount = decimal.Decimal(value)
        elif isinstance(value, int | decimal.Decimal) and not isinstance(value, bool):
            amount = decimal.Decimal(value)
        else:
            raise Wrong(("", "must be a number, best as text"))
        if amount and amount.adjusted() >= digits - scale:
            raise Wrong(("", f"must have at most {digits - scale} digits before the point"))
        _, figures, exponent = amount.as_tuple()
        zeros = len(figures) - len("".join(map(str, figures)).rstrip("0"))
        if amount and isinstance(exponent, int) and exponent + zeros < -scale:
            raise Wrong(("", f"must have at most {scale} digits after the point"))
        if positive and amount < 0:
            raise Wrong(("", "must not be negative"))
        if above_zero and not amount:
            raise Wrong(("", "must be more than 0"))
        if most is not None and amount > most:
            raise Wrong(("", f"must be at most {most}"))
        # A zero of 1E+99999 is small as a number and long as text.
        return amount if amount else decimal.Decimal(0)

    schema: dict[str, Any] = {"type": ["string", "number"], "pattern": pattern}
    if positive:
        schema["exclusiveMinimum" if above_zero else "minimum"] = 0
    if most is not None:
        schema["maximum"] = most
    return Kind(take, schema, {"type": "string", "format": "decimal"}, example)


def date(example: str) -> Kind:
    """Return the kind of a calendar date, YYYY-MM-DD."""

    def take(value: Any) -> datetime.date:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            try:
                return datetime.date.fromisoformat(value)
            except ValueError:
                pass
        raise Wrong(("", "must be a date, YYYY-MM-DD"))

    schema = {"type": "string", "format": "date"}
    return Kind(take, schema, schema, example)


def moment() -> Kind:
    """Return the kind of a moment in time; only ever shown."""

    def take(value: Any) -> datetime.datetime:
        if isinstance(value, str):
            try:
                return datetime.datetime.fromisoformat(value)
            except ValueError:
                pass
        raise Wrong(("", "must be a time with its zone, as RFC 3339 says"))

    schema = {"type": "string", "format": "date-time"}
    return Kind(take, schema, schema, "2026-01-31T09:30:00.123456+00:00")


def identifier() -> Kind:
    """Return the kind of a UUID."""

    def take(value: Any) -> uuid.UUID:
        if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
            return uuid.UUID(value)
        raise Wrong(("", "must be a UUID"))

    schema = {"type": "string", "format": "uuid"}
    return Kind(take, schema, schema, "6f1c0a52-3b7e-4d0c-9a55-0c8a4a3f7e11")


def anything(example: Mapping[str, Any], most: int) -> Kind:
    """Return the kind of a JSON object of up to `most` bytes that is stored as it is, up to 20 levels deep."""

    def take(value: Any) -> Written:
        if not isinstance(value, dict):
            raise Wrong(("", "must be an object"))
        pieces, left = [], most
        for piece in _pieces(value, _DEPTH):
            # At once, and not when all is written: 1e999 is short in a body and long here.
            left -= len(piece.encode())
            if left < 0:
                raise Wrong(("", f"must have at most {most} bytes as JSON, its numbers written out"))
            pieces.append(piece)
        return Written("".join(pieces))

    schema = {"type": "object"}
    return Kind(take, schema, schema, dict(example), written=True)


def many(fields: Sequence[Field], most: int) -> Kind:
    """Return the kind of a list of one to `most` objects with these fields."""

    def take(value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise Wrong(("", f"must be a list of 1 to {most} objects"))
        items, faults = [], []
        for number_, item in enumerate(value):
            try:
                items.append(read(fields, item))
            except Wrong as error:
                faults += [(f"/{number_}{pointer}", said) for pointer, said in error.faults]
        if faults:
            raise Wrong(*faults)
        return items

    schema = {"type": "array", "minItems": 1, "maxItems": most, "items": given_schema(fields)}
    shown = {"type": "array", "items": shown_schema(fields)}
    return Kind(take, schema, shown, [given_example(fields)], fields=tuple(fields))


def given_schema(fields: Sequence[Field]) -> dict[str, Any]:
    """Return the JSON schema of the object that a client sends."""
    taken = [field for field in fields if field.given != "never"]
    return {
        "type": "object",
        "properties": {field.name: _described(field, field.kind.schema) for field in taken},
        "required": [field.name for field in taken if field.given == "required"],
        "additionalProperties": False,
    }


def shown_schema(fields: Sequence[Field]) -> dict[str, Any]:
    """Return the JSON schema of the object that a client gets."""
    return {
        "type": "object",
        "properties": {field.name: _described(field, field.kind.shown) for field in fields},
        "required": [field.name for field in fields if field.listed],
    }


def given_example(fields: Sequence[Field]) -> dict[str, Any]:
    """Return an object that a client may send."""
    return {field.name: field.kind.example for field in fields if field.given == "required"}


def _described(field: Field, schema: Mapping[str, Any]) -> dict[str, Any]:
    described = {**schema, "description": field.text}
    if field.nullable:
        types = described["type"]
        described["type"] = [*([types] if isinstance(types, str) else types), "null"]
        if "enum" in described:
            described["enum"] = [*described["enum"], None]
    return described


def _storable(value: str) -> None:
    if "\x00" in value:
        raise Wrong(("", "must not contain the character NUL"))
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Wrong(("", "must not contain half of a surrogate pair"))


def _pieces(value: Any, depth: int) -> Iterator[str]:
    """Yield the JSON text of a value, its numbers exactly; json.dumps would have to make floats of them."""
    if depth < 0:
        raise Wrong(("", f"must be at most {_DEPTH} levels deep"))
    if isinstance(value, dict):
        for at, (key, inner) in enumerate(value.items()):
            _storable(key)
            yield f"{',' if at else '{'}{json.dumps(key, ensure_ascii=False)}:"
            yield from _pieces(inner, depth - 1)
        yield "}" if value else "{}"
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield "," if at else "["
            yield from _pieces(inner, depth - 1)
        yield "]" if value else "[]"
    elif isinstance(value, int | decimal.Decimal) and not isinstance(value, bool):
        yield _digits(decimal.Decimal(value))
    else:
        if isinstance(value, str):
            _storable(value)
        yield json.dumps(value, ensure_ascii=False)


def _digits(value: decimal.Decimal) -> str:
    _, figures, exponent = value.as_tuple()
    assert isinstance(exponent, int), "JSON has no NaN"
    if max(len(figures) + max(exponent, 0), -exponent) > _DIGITS:
        raise Wrong(("", f"must not contain a number of more than {_DIGITS} digits; write it as text"))
    return f"{value:f}"


def _escaped(name: str) -> str:
    """Escape a name for a JSON pointer, cut to a length that an answer can bear."""
    return name[:80].encode("utf-8", "replace").decode().replace("~", "~0").replace("/", "~1")
