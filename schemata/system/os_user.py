"""Which user of the operating system a server runs as. PostgreSQL refuses to run as root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from schemata import errors


@dataclass(frozen=True)
class Account:
    """A user that a root caller lends to the server.

    :param person: somebody's own account (the caller's before sudo, or the project's owner): what we
        write is given to it, so that it can go on without root.
    """

    uid: int
    gid: int
    name: str
    person: bool


def choose(project: Path) -> Account | None:
    """Return the user that a new server of this project runs as; None means the caller itself.

    A root caller lends the user before sudo, else the owner of the project directory, else `postgres`,
    else `nobody`. Raises NotAvailable when none of them exists.
    """
    if os.geteuid() != 0:
        return None
    for uid in (_number(os.environ.get("SUDO_UID", "")), project.stat().st_uid):
        account = of(uid, person=True)
        if account is not None:
            return account
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, entry.pw_name, person=False)
    raise errors.NotAvailable(
        "You are root, PostgreSQL refuses to run as root, and there is no other user to run it as.",
        "Add one (`useradd --system postgres`), or run the command as an ordinary user.",
    )


def of(uid: int, *, person: bool) -> Account | None:
    """Return the account with this number, or None for root and for a number without a name.

    A number without an entry in the user database (a bind mount's owner, seen from inside a container)
    is of no use: initdb looks the name up and stops without one.
    """
    if uid == 0:
        return None
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return None
    return Account(uid, entry.pw_gid, entry.pw_name, person)


def owner_of(directory: Path) -> Account | None:
    """Return the user that an existing data directory must be run as; None means the caller itself.

    Raises NotAvailable when it belongs to somebody whom the caller cannot become.
    """
    uid = directory.stat().st_uid
    if uid == os.geteuid() and uid != 0:
        return None
    name = name_of(uid)
    if os.geteuid() != 0:
        raise errors.NotAvailable(
            f"The data directory {directory} belongs to user {name}, and you are {name_of(os.geteuid())}: "
            "PostgreSQL runs only as the owner of its data.",
            "Run the command as that user or with sudo, or delete the data first: `sudo inv dev-down-clean`.",
        )
    account = of(uid, person=False)
    if account is None:
        raise errors.NotAvailable(
            f"The data directory {directory} belongs to {name}, as which PostgreSQL does not run.",
            f"Give it to another user (`chown -R postgres {directory}`), or delete it: `inv dev-down-clean`.",
        )
    return account


def name_of(uid: int) -> str:
    """Return the name of a user for a message; its number when it has no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"number {uid}"


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of one file or directory; nothing when the caller itself is meant."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def give_tree(directory: Path, account: Account | None) -> None:
    """Make the account the owner of a directory and of everything in it."""
    if account is None:
        return
    give(directory, account)
    for parent, directories, files in os.walk(directory):
        for name in directories + files:
            give(Path(parent, name), account)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
