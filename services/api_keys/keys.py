"""An API key: its form, its hash, what it may do. Asks nobody.

A key is `sk_<prefix>_<secret>`. The prefix finds its row; the secret is 40 characters out of 62, 238 bits: nobody
guesses it, so that one round of SHA-256 is enough to store it by.
"""

import dataclasses
import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Collection
from typing import Final

SCOPES: Final = ("financial:read", "financial:write", "trading:read", "trading:write")
_KEY: Final = re.compile(r"sk_([a-z0-9]{8})_[A-Za-z0-9]{40}", re.ASCII)
_PREFIX_OF: Final = string.ascii_lowercase + string.digits
_SECRET_OF: Final = string.ascii_letters + string.digits
#: What a key is compared with whose prefix nobody has: no text has this hash.
NOBODY: Final = bytes(32)
_READING: Final = ("GET", "HEAD", "OPTIONS")


@dataclasses.dataclass(frozen=True)
class Made:
    """A new key: its whole text, which is shown once, and what is stored of it."""

    text: str = dataclasses.field(repr=False)
    prefix: str
    hash: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Key:
    """A key that was accepted, without its secret: who acts with it, and what it may do."""

    id: int
    name: str
    prefix: str
    user_id: int
    scopes: frozenset[str]


class Rejected(Exception):
    """A key that is not accepted, with the reason for the one who sent it."""


def make() -> Made:
    """Return a new key."""
    prefix = "".join(secrets.choice(_PREFIX_OF) for _ in range(8))
    return of_text(f"sk_{prefix}_{''.join(secrets.choice(_SECRET_OF) for _ in range(40))}")


def of_text(text: str) -> Made:
    """Return what is stored of a key. Raises Rejected for a text that has not the form of one; it does not show it."""
    match = _KEY.fullmatch(text)
    if match is None:
        raise Rejected("it does not have the form sk_PREFIX_SECRET")
    return Made(text, match[1], hashlib.sha256(text.encode()).digest())


def is_equal(given: bytes, stored: bytes | None) -> bool:
    """Tell whether two hashes are equal, in a time that says nothing of either; without a stored one, as long."""
    same = hmac.compare_digest(given, NOBODY if stored is None else stored)
    return same and stored is not None


def concealed(text: str) -> str:
    """Return a text without the secrets of the keys in it, as far as they are whole.

    >>> concealed("GET /sk_abcd1234_" + 40 * "x")
    'GET /sk_abcd1234_***'
    """
    return _KEY.sub(r"sk_\1_***", text)


def scope_for(service: str, method: str) -> str:
    """Return the scope that a request of this method to a service needs.

    >>> scope_for("financial-svc", "GET"), scope_for("trading-svc", "POST")
    ('financial:read', 'trading:write')
    """
    return f"{service.removesuffix('-svc')}:{'read' if method in _READING else 'write'}"


def unknown(scopes: Collection[str]) -> list[str]:
    """Return those that no service knows.

    >>> unknown(["financial:read", "financial:reed"])
    ['financial:reed']
    """
    return [scope for scope in scopes if scope not in SCOPES]
