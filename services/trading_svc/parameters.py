"""The parameters of a strategy: any JSON object, within bounds, as text whose numbers are exact."""

import decimal
import json
from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.web import fields

#: Bytes of JSON text.
MOST: Final = 64 * 1024
_DEPTH: Final = 20
#: Digits of a number, written out without an exponent, as jsonb does.
_DIGITS: Final = 1_000


def _text(value: Any) -> str:
    if not isinstance(value, dict):
        raise PydanticCustomError("object", "must be an object")
    pieces, left = [], MOST
    for piece in _pieces(value, _DEPTH):
        # At once, and not when all is written: 1e999 is short in a body and long here.
        left -= len(piece.encode())
        if left < 0:
            raise PydanticCustomError("size", f"must have at most {MOST} bytes as JSON, its numbers written out")
        pieces.append(piece)
    return "".join(pieces)


def _pieces(value: Any, depth: int) -> Iterator[str]:
    """Yield the JSON text of a value, its numbers exactly; json.dumps would have to make floats of them."""
    if depth < 0:
        raise PydanticCustomError("depth", f"must be at most {_DEPTH} levels deep")
    if isinstance(value, dict):
        for at, (key, inner) in enumerate(value.items()):
            yield f"{',' if at else '{'}{json.dumps(fields.storable(key), ensure_ascii=False)}:"
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
        yield json.dumps(fields.storable(value) if isinstance(value, str) else value, ensure_ascii=False)


def _digits(value: decimal.Decimal) -> str:
    _, figures, exponent = value.as_tuple()
    assert isinstance(exponent, int), "JSON has no NaN"
    if max(len(figures) + max(exponent, 0), -exponent) > _DIGITS:
        text = f"must not contain a number of more than {_DIGITS} digits; write it as text"
        raise PydanticCustomError("digits", text)
    return f"{value:f}"


Parameters = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "object"})]
