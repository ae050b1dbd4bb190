"""Who did what: rows of public.audit_log, written in the transaction of what was done, so that neither is alone.

The middleware sets who acts by `acting`; code that stores something executes `RECORD` with `arguments(...)`.
"""

import contextlib
import contextvars
import dataclasses
import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Final

from psycopg.types import json

from services.api_keys import keys


@dataclasses.dataclass(frozen=True)
class Actor:
    """Who sends a request: the key, the request's id, and the address it comes from (None: not known)."""

    key: keys.Key
    request_id: str | None = None
    address: str | None = None


_ACTOR: Final[contextvars.ContextVar[Actor | None]] = contextvars.ContextVar("actor", default=None)

#: Arguments: `arguments(...)`.
RECORD: Final = """
INSERT INTO public.audit_log
    (actor_id, action, entity_schema, entity_table, entity_id, request_id, client_address, details)
VALUES (%(actor)s, %(action)s, %(schema)s, %(table)s, %(id)s, %(request_id)s, %(address)s, %(details)s)
"""


@contextlib.contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Make this the actor of what is recorded inside the block, also in tasks and threads that it starts."""
    token = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(token)


def arguments(action: str, table: str, number: int, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the arguments of RECORD for one row of a table (`schema.table`); without an actor, the system acts.

    :param action: dotted words, such as "client.create".
    :param details: what changed, without secrets; the key's name and prefix are added.
    """
    actor = _ACTOR.get()
    schema, _, name = table.partition(".")
    shown = dict(details or {})
    if actor is not None:
        shown["api_key"] = {"id": actor.key.id, "name": actor.key.name, "prefix": actor.key.prefix}
    return {
        "actor": actor.key.user_id if actor else None,
        "action": action,
        "schema": schema,
        "table": name,
        "id": number,
        "request_id": actor.request_id if actor else None,
        "address": actor.address if actor else None,
        "details": json.Jsonb(shown),
    }


def address_of(host: str | None) -> str | None:
    """Return an address that the column takes; None for what is none, such as the path of a socket.

    >>> address_of("127.0.0.1"), address_of("fe80::1%eth0"), address_of("/run/app.sock")
    ('127.0.0.1', 'fe80::1', None)
    """
    try:
        return str(ipaddress.ip_address((host or "").partition("%")[0]))
    except ValueError:
        return None
