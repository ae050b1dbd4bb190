"""Values as the driver loads them for a generated client: `inv generate` copies this file as `_loaders.py`.

It stands by itself (SQLAlchemy and psycopg). What Python has no value for arrives as `str`, PostgreSQL's ISO text.
"""

import re
from typing import Any

import psycopg
import sqlalchemy
from psycopg import abc, adapt, pq
from sqlalchemy import event

_TEXT = pq.Format.TEXT
_REFUSED = (psycopg.DataError, psycopg.NotSupportedError, NotImplementedError, ValueError, OverflowError)
_INTERVAL = re.compile(r"([+-]?\d+) (year|mon|day)s?")


def _loader(name: str) -> type[abc.Loader]:
    """Return psycopg's loader of a type, that gives the server's text where Python has no value."""
    oid = psycopg.adapters.types[name].oid
    found = psycopg.adapters.get_loader(oid, _TEXT)
    assert found is not None
    inner: type[abc.Loader] = found

    class Loader(adapt.Loader):
        def __init__(self, oid: int, context: abc.AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self._load = inner(oid, context).load

        def load(self, data: abc.Buffer) -> Any:
            try:
                return self._load(data)
            except _REFUSED:
                return bytes(data).decode()

    class IntervalLoader(Loader):
        def load(self, data: abc.Buffer) -> Any:
            text = bytes(data).decode()
            # psycopg would make 30 days of a month, and nothing at all of infinity.
            value = text if "mon" in text or "year" in text or "inf" in text else super().load(data)
            return _iso_interval(value) if isinstance(value, str) else value

    return IntervalLoader if name == "interval" else Loader


def _iso_interval(text: str) -> str:
    if "infinity" in text or text.startswith(("P", "@")):  # as it is, or in another IntervalStyle
        return text
    found = {unit: int(number) for number, unit in _INTERVAL.findall(text)}
    date = "".join(f"{found[unit]}{unit[0].upper()}" for unit in ("year", "mon", "day") if unit in found)
    time = re.search(r"([+-]?)(\d+):(\d+):(\d+(?:\.\d+)?)", text)
    if time is None:
        return f"P{date}"
    sign, *parts = time.groups()
    clock = "".join(
        f"{sign.replace('+', '')}{part.lstrip('0') if part[:2] != '0.' else part}{unit}"
        for part, unit in zip(parts, "HMS", strict=True)
        if float(part)
    )
    return f"P{date}T{clock}" if clock else f"P{date}"


_LOADERS = {name: _loader(name) for name in ("date", "time", "timetz", "timestamp", "timestamptz", "interval")}
_ADAPTERS = adapt.AdaptersMap(psycopg.adapters)
for _name, _class in _LOADERS.items():
    _ADAPTERS.register_loader(_name, _class)
TRANSFORMER = adapt.Transformer(_ADAPTERS)


@event.listens_for(sqlalchemy.Engine, "connect")
def _carry_every_value(connection: Any, record: Any) -> None:
    """Let each new connection of SQLAlchemy's give the text of what psycopg would refuse to load."""
    adapters = getattr(record.driver_connection, "adapters", None)
    if isinstance(adapters, adapt.AdaptersMap):
        for name, loader in _LOADERS.items():
            adapters.register_loader(name, loader)


def plain(value: Any) -> str:
    """Return PostgreSQL's text of a Python value that psycopg knows."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "\\x" + bytes(value).hex()
    return bytes(TRANSFORMER.get_dumper(value, adapt.PyFormat.TEXT).dump(value) or b"").decode()
