"""What people do with API keys: make one, list them, revoke one. Called by tasks.py."""

import contextlib
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any, Final

import psycopg
import psycopg.rows
from psycopg.types import json

from schemata import commands, config, errors
from schemata.postgres import urls
from schemata.report import results
from services.api_keys import audit, keys

_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}
#: Whose keys they are that are made for nobody by name. RFC 2606: no such host has mail.
_SERVICE: Final = "{}@service.invalid"
_CONNECT_SECONDS: Final = 10

_USER: Final = "SELECT id, status FROM public.users WHERE email = %s"
_NEW_USER: Final = """
INSERT INTO public.users (email, display_name, role, status) VALUES (%s, %s, 'service', 'active')
ON CONFLICT (email) DO NOTHING
"""
_STORE: Final = """
INSERT INTO public.api_keys (user_id, name, prefix, key_hash, scopes, expires_at)
VALUES (%s, %s, %s, %s, %s, now() + %s::interval)
ON CONFLICT (user_id, name) DO NOTHING
RETURNING id, expires_at
"""
_LIST: Final = """
SELECT k.prefix, k.name, u.email AS user, k.scopes, k.created_at::text, k.last_used_at::text, k.expires_at::text,
    CASE
        WHEN k.revoked_at IS NOT NULL THEN 'revoked'
        WHEN k.expires_at <= now() THEN 'expired'
        WHEN u.status <> 'active' THEN 'user is ' || u.status
        ELSE 'good'
    END AS state
FROM public.api_keys AS k JOIN public.users AS u ON u.id = k.user_id
ORDER BY k.id
"""
_FIND: Final = """
SELECT k.id, k.prefix, k.name, u.email, k.revoked_at::text
FROM public.api_keys AS k JOIN public.users AS u ON u.id = k.user_id
WHERE k.prefix = %(word)s OR k.name = %(word)s ORDER BY k.id FOR UPDATE OF k
"""
_REVOKE: Final = "UPDATE public.api_keys SET revoked_at = greatest(now(), created_at) WHERE id = %s"


def new(
    settings: config.Config, name: str, *, scopes: str = "", expires: str = "", user: str = "", url: str = ""
) -> results.Message:
    """Make a key and return it: this is the only time that it is seen, the database has its hash.

    Without a user the key is a service account's, which is made with it. Raises errors.Error and changes nothing when
    there is a key of this name already, whose else it is.

    :param scopes: separated by commas; at least one.
    :param expires: such as 90d, 12h or 4w; empty: when it is revoked.
    :param user: the email of the user who acts with it.
    """
    name = name_of(name)
    wanted = scopes_of(scopes)
    lasts = _interval(expires)
    choice = commands.targets.choose(settings, url)
    made = keys.make()
    with connected(choice.url) as connection:
        owner, email = _owner(connection, name, user)
        stored = store(connection, made, owner, name, wanted, lasts)
        if stored is None:
            raise errors.Error(
                f"{email} has a key named {name!r} already, and a key is shown only when it is made",
                "To replace it, make one of another name, give that to those who use the old one, and then type: "
                f"inv api-key-revoke {shlex.quote(name)}",
            )
    ends = f"expires at {stored[1]}" if stored[1] else "does not expire"
    lines = [
        made.text,
        "",
        "The key is shown this once: keep it now. Send it as a header: Authorization: Bearer KEY",
        f"Its name is {name}, its user {email}; it may {', '.join(wanted)}; it {ends}.",
        f"To end it: inv api-key-revoke {made.prefix}",
    ]
    facts = {"key": made.text, "prefix": made.prefix, "name": name, "user": email, "scopes": list(wanted)}
    return results.Message(
        "\n".join(lines), facts={**facts, "expires_at": stored[1], "target": urls.redact(choice.url)}
    )


def revoke(settings: config.Config, word: str, *, url: str = "") -> results.Message:
    """Revoke the key of this prefix or name: services refuse it within seconds. One that is revoked stays as it is."""
    choice = commands.targets.choose(settings, url)
    # Somebody who has the whole key at hand may give that: only its prefix is looked for.
    with contextlib.suppress(keys.Rejected):
        word = keys.of_text(word).prefix
    with connected(choice.url) as connection:
        rows = connection.execute(_FIND, {"word": word}).fetchall()
        if not rows:
            raise errors.Error(f"there is no key with the name or prefix {word!r}", "See them: inv api-key-list")
        if len(rows) > 1:
            several = ", ".join(f"{prefix} of {email}" for _, prefix, _, email, _ in rows)
            raise errors.Error(f"{len(rows)} keys are named {word!r}: {several}", "Name one by its prefix.")
        ((number, prefix, name, email, before),) = rows
        if before is None:
            connection.execute(_REVOKE, (number,))
            _record(connection, "api_key.revoke", number, {"name": name, "prefix": prefix})
    facts = {"prefix": prefix, "name": name, "user": email, "was_revoked": before is not None}
    if before is not None:
        return results.Message(f"The key {name} ({prefix}) was revoked already, at {before}.", facts=facts)
    return results.Message(f"The key {name} ({prefix}) of {email} is revoked: services refuse it now.", facts=facts)


def listed(settings: config.Config, *, url: str = "") -> results.Table:
    """Return every key, also those that are good no more; no secret of any is known."""
    choice = commands.targets.choose(settings, url)
    with connected(choice.url) as connection:
        cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
        stored = cursor.execute(_LIST).fetchall()
    rows = tuple(
        (
            row["prefix"],
            row["name"],
            row["user"],
            " ".join(row["scopes"]),
            (row["last_used_at"] or "-")[:16],
            (row["expires_at"] or "-")[:10],
            row["state"],
        )
        for row in stored
    )
    columns = ("prefix", "name", "user", "scopes", "last used", "expires", "state")
    notes = () if rows else ("There is no key. Make one: inv api-key-new NAME --scopes financial:read",)
    return results.Table("", columns, rows, notes=notes, facts={"keys": stored})


@contextlib.contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect, in one transaction; what the database says is raised as errors.Error."""
    try:
        with psycopg.connect(url, connect_timeout=_CONNECT_SECONDS, application_name="api keys") as connection:
            connection.execute("SET LOCAL lock_timeout = '5s'; SET LOCAL timezone = 'UTC'")
            yield connection
    except psycopg.Error as error:
        raise _failed(error, url) from error


def store(
    connection: psycopg.Connection[Any],
    made: keys.Made,
    owner: int,
    name: str,
    scopes: Sequence[str],
    lasts: str | None,
) -> tuple[int, str | None] | None:
    """Store a key and the record of that; return its id and when it expires, or None where the name is taken."""
    arguments = (owner, name, made.prefix, made.hash, list(scopes), lasts)
    row = connection.execute(_STORE, arguments).fetchone()
    if row is None:
        return None
    number, until = row
    _record(connection, "api_key.create", number, {"name": name, "prefix": made.prefix, "scopes": list(scopes)})
    return number, None if until is None else until.isoformat(timespec="seconds")


def service_account(connection: psycopg.Connection[Any], name: str) -> tuple[int, str, str]:
    """Return the id, status and email of the service account of this name, made where it is not there."""
    email = _SERVICE.format(re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "key")
    connection.execute(_NEW_USER, (email, name))
    row = connection.execute(_USER, (email,)).fetchone()
    assert row is not None
    return row[0], row[1], email


def scopes_of(text: str) -> tuple[str, ...]:
    """Return the scopes of a text with commas. Raises ConfigError for none, and for one that no service knows."""
    wanted = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    known = f"There is {', '.join(keys.SCOPES)}; write several with commas."
    if not wanted:
        raise errors.ConfigError("--scopes is missing: a key without a scope may do nothing", known)
    if unknown := keys.unknown(wanted):
        raise errors.ConfigError(f"{unknown[0]!r} is not a scope that a service knows", known)
    return wanted


def name_of(text: str) -> str:
    """Return the name of a key. Raises ConfigError for what is none."""
    # A flag that stands where the name should is no name: `inv api-key-new --help` asks for help.
    if not text.strip() or text.startswith("-") or len(text) > 100 or not text.isprintable():
        raise errors.ConfigError(f"{text!r} is not a name for a key", "Name it for who uses it, such as reporting.")
    return text.strip()


def _interval(text: str) -> str | None:
    if not text:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", text)
    if match is None:
        raise errors.ConfigError(f"--expires {text} is not a time from now", "Write 12h, 90d or 52w.")
    return f"{match[1]} {_UNITS[match[2]]}"


def _owner(connection: psycopg.Connection[Any], name: str, user: str) -> tuple[int, str]:
    if user:
        email = user.lower()
        row = connection.execute(_USER, (email,)).fetchone()
        if row is None:
            raise errors.Error(f"there is no user {email}", "Leave --user out: the key gets a service account.")
        number, status = row
    else:
        number, status, email = service_account(connection, name)
    if status != "active":
        raise errors.Error(
            f"the user {email} is {status}, so a key of theirs would be refused",
            "Choose another --user, or make that one active.",
        )
    return number, email


def _record(connection: psycopg.Connection[Any], action: str, number: int, details: dict[str, Any]) -> None:
    # The person at the command line is no user of the platform: the record names the database role.
    arguments = audit.arguments(action, "public.api_keys", number, details)
    row = connection.execute("SELECT session_user").fetchone()
    assert row is not None
    connection.execute(audit.RECORD, {**arguments, "details": json.Jsonb({**details, "database_role": row[0]})})


def _failed(error: psycopg.Error, url: str) -> errors.Error:
    answer = " ".join(urls.conceal(str(error), url).split())
    if error.sqlstate in ("42P01", "42703", "3F000"):
        return errors.Error(f"the database has no table of keys yet: {answer}", "Migrate it: inv migrate")
    if error.sqlstate == "42501":
        return errors.Error(f"the database's account may not do this: {answer}", "Use the one that owns the tables.")
    if error.sqlstate is None or error.sqlstate.startswith(("08", "57P", "53", "28", "3D")):
        hint = "Start it: inv dev-up. Another database: --url, or DATABASE_URL."
        return errors.NotAvailable(f"{urls.redact(url)} cannot be asked: {answer}", hint)
    if error.sqlstate in ("55P03", "57014"):
        return errors.Busy(f"another transaction holds the row: {answer}", "Run it again.")
    return errors.Error(f"the database refuses it: {answer}", "Nothing was changed.")
