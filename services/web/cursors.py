"""Cursors: where a page ended, as an opaque text that only the same question gets an answer for.

A cursor holds the page's name, the values of its filter and the key of the last row, so it continues the list that it
came from and no other. With SERVICES_CURSOR_KEY it is signed (HMAC-SHA-256), and what a client made or
changed is refused; all replicas need the same key. Without it every part is checked for its exact form,
and a forged one can do no more than a filter: it names a place in a list that the client may read anyway.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from typing import Any, Final

_SIGNATURE: Final = 16
#: Longer than any that we make.
_LONGEST: Final = 1_000
# The forms in which services.values shows them; a day that no calendar has, the database refuses.
_DATE = r"[0-9]{4,7}-[0-9]{2}-[0-9]{2}"
_FORMS: Final = {
    "timestamp": rf"{_DATE}T[0-9:]{{8}}\.[0-9]{{6}}[+-][0-9:]{{5,8}}( BC)?|-?infinity",
    "date": rf"{_DATE}( BC)?|-?infinity",
}


class Refused(Exception):
    """The cursor is not one of this list."""


def write(page: str, filters: Sequence[Any], key: Sequence[Any], secret: bytes) -> str:
    """Return the cursor behind the row with this key, whose values are as `services.values` shows them.

    >>> cursor = write("clients", [], ["2026-01-31T09:30:00.000001+00:00", 7], b"")
    >>> read(cursor, "clients", [], ["timestamp", "id"], b"")
    ['2026-01-31T09:30:00.000001+00:00', 7]
    """
    text = json.dumps([page, list(map(str, filters)), list(key)], separators=(",", ":"))
    raw = text.encode()
    return base64.urlsafe_b64encode(_signature(raw, secret) + raw).decode().rstrip("=")


def read(cursor: str, page: str, filters: Sequence[Any], kinds: Sequence[str], secret: bytes) -> list[Any]:
    """Return the key of the last row seen; `kinds` are "timestamp", "date" or "id", one for each of its values.

    Raises Refused for everything that `write` did not make for the same page and filter, with the same secret.
    """
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{_LONGEST}}}", cursor, re.ASCII):
        raise Refused
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except binascii.Error:
        raise Refused from None
    size = _SIGNATURE if secret else 0
    signature, raw = raw[:size], raw[size:]
    if not hmac.compare_digest(signature, _signature(raw, secret)):
        raise Refused
    try:
        parts = json.loads(raw)
        if not isinstance(parts, list) or len(parts) != 3:
            raise Refused
        name, said, key = parts
        if name != page or said != [str(value) for value in filters]:
            raise Refused
        if not isinstance(key, list) or len(key) != len(kinds):
            raise Refused
        return [_value(value, kind) for value, kind in zip(key, kinds, strict=True)]
    except (ValueError, RecursionError):  # not JSON
        raise Refused from None


def _signature(raw: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, raw, hashlib.sha256).digest()[:_SIGNATURE] if secret else b""


def _value(value: Any, kind: str) -> Any:
    if kind == "id":
        if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
            raise Refused
        return value
    if not isinstance(value, str) or not re.fullmatch(_FORMS[kind], value, re.ASCII):
        raise Refused
    return value
