"""Values as an answer shows them: exact text, also of those that PostgreSQL holds and Python does not.

Python has no infinity in its calendar, no year 0 or 20000, no 24:00 and no months in an interval, and would round a
number of JSON. The lists and the single resources pass values on, so nothing makes Python values of them: a loader
for each type gives text, and JSON goes into an answer as the server wrote it.
"""

import decimal
import json
from typing import Any, Final

import orjson
import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.types import json as adapted
from psycopg.types.string import TextLoader

#: Shown as the server writes them; numbers as text, because programs that read JSON numbers as floats round them.
_AS_THEY_ARE: Final = ("numeric", "date", "time", "timetz", "interval", "uuid")

#: What the loaders rely on; a role or a database may have other defaults.
SETTINGS: Final = ("datestyle = 'ISO, YMD'", "intervalstyle = 'iso_8601'")


def moment(text: str) -> str:
    """Return a moment of PostgreSQL in the form of RFC 3339, always with microseconds.

    What that form does not have stays as near to it as it can be, and PostgreSQL reads it again.

    >>> moment("2026-03-29 01:30:00.5+00"), moment("20000-01-01 00:00:00+05:30")
    ('2026-03-29T01:30:00.500000+00:00', '20000-01-01T00:00:00.000000+05:30')
    >>> moment("0044-03-15 00:00:00+00 BC"), moment("-infinity")
    ('0044-03-15T00:00:00.000000+00:00 BC', '-infinity')
    """
    if text[10:11] == " " and text.endswith("+00"):  # nearly every one, and there are hundreds on a page
        return f"{text[:10]}T{_microseconds(text[11:-3])}+00:00"
    day, _, rest = text.partition(" ")
    if not rest:
        return text
    time, gap, era = rest.partition(" ")
    sign = max(time.rfind("+"), time.rfind("-"))
    clock, zone = (time[:sign], time[sign:]) if sign >= 0 else (time, "")
    return f"{day}T{_microseconds(clock)}{f'{zone}:00' if len(zone) == 3 else zone}{gap}{era}"


def _microseconds(clock: str) -> str:
    return clock.ljust(15, "0") if "." in clock else f"{clock}.000000"


def read_json(text: str | bytes) -> Any:
    """Return the value of any JSON that jsonb holds; what Python cannot nest is an empty object.

    >>> read_json('{"a": 1}')
    {'a': 1}
    """
    try:
        return json.loads(
            text, parse_int=lambda digits: int(digits) if len(digits) < 4_000 else decimal.Decimal(digits)
        )
    except RecursionError:
        return {}


def any_json(connection: psycopg.AsyncConnection[Any]) -> None:
    """Make a connection read every JSON value, of any size and depth, so that no row stops a worker."""
    adapted.set_json_loads(read_json, connection)


class _Moment(Loader):
    def load(self, data: Buffer) -> str:
        return moment(bytes(data).decode())


class _Json(Loader):
    def load(self, data: Buffer) -> orjson.Fragment:
        return orjson.Fragment(bytes(data))


def as_text(connection: psycopg.AsyncConnection[Any]) -> None:
    """Make a connection return every value as an answer shows it; whole numbers and booleans stay what they are.

    Its session must have `SETTINGS`.
    """
    for name in _AS_THEY_ARE:
        connection.adapters.register_loader(name, TextLoader)
    for name in ("timestamptz", "timestamp"):
        connection.adapters.register_loader(name, _Moment)
    for name in ("json", "jsonb"):
        connection.adapters.register_loader(name, _Json)
