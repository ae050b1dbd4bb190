"""`python -m services.api_keys.register NAME SCOPES [FILE]`: store the key that a secret holds.

The secret is a file, or without one the variable SERVICES_API_KEY. So the secret store of Compose or Kubernetes has
the key, and the database its hash. To run it again changes nothing. The database is DATABASE_URL; exit codes are those
of the commands.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

from schemata import errors
from schemata.postgres import urls
from services.api_keys import commands, keys

_VARIABLE: Final = "SERVICES_API_KEY"
#: The stored key of a prefix, and why it is not accepted (NULL: it is); no row where there is none.
_STATE: Final = """
SELECT k.key_hash, k.scopes,
    CASE
        WHEN k.revoked_at IS NOT NULL THEN 'it was revoked'
        WHEN k.expires_at <= now() THEN 'it has expired'
        WHEN u.status <> 'active' THEN 'its user is ' || u.status
    END
FROM public.api_keys AS k JOIN public.users AS u ON u.id = k.user_id
WHERE k.prefix = %s
"""


class Refused(errors.Error):
    """A key that is stored already is not good, or is another one's."""


def ensure(connection: psycopg.Connection[Any], made: keys.Made, name: str, scopes: Sequence[str]) -> bool:
    """Store the key for a service account of this name where it is not stored; return whether it was new.

    Raises Refused where it is stored and no longer good, or has not these scopes. Changes nothing then.
    """
    row = connection.execute(_STATE, (made.prefix,)).fetchone()
    if row is None:
        owner, status, email = commands.service_account(connection, name)
        if status != "active":
            raise Refused(f"the user {email} is {status}", "Make that user active, or choose another name.")
        # Of an earlier key of this name the record stays; the prefix tells them apart.
        if commands.store(connection, made, owner, name, scopes, None) is None:
            commands.store(connection, made, owner, f"{name} {made.prefix}", scopes, None)
        return True
    stored, has, reason = row
    if not keys.is_equal(made.hash, bytes(stored)):
        reason = "another key has its prefix"
    if reason is None and not set(scopes) <= set(has):
        reason = f"it has only the scopes {', '.join(has) or 'of none'}"
    if reason is not None:
        raise Refused(f"the key sk_{made.prefix}_*** cannot be used: {reason}", "Make another one and store that.")
    return False


def main(arguments: Sequence[str]) -> int:
    """Store the key; return the exit code."""
    try:
        if len(arguments) not in (2, 3):
            raise errors.ConfigError(
                f"2 or 3 arguments are needed, not {len(arguments)}",
                "python -m services.api_keys.register NAME SCOPES [FILE]",
            )
        name, scopes = commands.name_of(arguments[0]), commands.scopes_of(arguments[1])
        made = read(Path(arguments[2])) if len(arguments) == 3 else _parsed(os.environ.get(_VARIABLE, ""), _VARIABLE)
        with commands.connected(database()) as connection:
            is_new = ensure(connection, made, name, scopes)
    except errors.Error as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"The key sk_{made.prefix}_*** {'is stored now' if is_new else 'was stored already'}; it is named {name}.")
    return 0


def database() -> str:
    """Return DATABASE_URL as psycopg takes it."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        raise errors.ConfigError("DATABASE_URL is not set", "export DATABASE_URL=postgresql://USER@HOST/DATABASE")
    return urls.normalise(url)[0]


def read(path: Path) -> keys.Made:
    """Return the key that a file holds. Raises ConfigError; the text is not shown."""
    try:
        return _parsed(path.read_text("utf-8", errors="replace"), str(path))
    except OSError as error:
        raise errors.ConfigError(f"{path} cannot be read: {error.strerror}", "Mount the secret there.") from error


def _parsed(text: str, where: str) -> keys.Made:
    try:
        return keys.of_text(text.strip())
    except keys.Rejected as error:
        hint = "Put a key there: sk_, 8 characters of a-z and 0-9, _, 40 of a-z, A-Z and 0-9."
        what = "is not of the form of a key" if text.strip() else "is empty"
        raise errors.ConfigError(f"{where} holds no key: its text {what}", hint) from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
