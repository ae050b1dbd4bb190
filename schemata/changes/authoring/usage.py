"""The kinds of a change: what follows each on the command line, and which flags it knows."""

import difflib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schemata import errors
from schemata.changes.authoring import draft


class Kind(NamedTuple):
    """A kind of change: the words behind it, the flags that it knows, an example."""

    words: tuple[str, ...]
    flags: tuple[str, ...]
    example: str


KINDS: Mapping[str, Kind] = {
    "rename-column": Kind(("TABLE", "COLUMN", "NEW"), ("strategy", "to"), "app.clients display_name full_name"),
    "rename-table": Kind(("TABLE", "NEW"), ("strategy", "to"), "app.clients customers"),
    "change-type": Kind(
        ("TABLE", "COLUMN", "TYPE"), ("using", "back", "to"), 'app.transactions amount "numeric(20,4)"'
    ),
    "set-not-null": Kind(("TABLE", "COLUMN"), ("default",), "app.clients email --default \"''\""),
    "add-column-not-null": Kind(
        ("TABLE", "COLUMN", "TYPE"), ("default",), "app.clients state text --default \"'new'\""
    ),
    "split-column": Kind(
        ("TABLE", "COLUMN"),
        ("into", "back"),
        "app.clients full_name --into \"first_name=split_part(full_name,' ',1),last_name=split_part(full_name,' ',2)\" "
        "--back \"first_name || ' ' || last_name\"",
    ),
    "drop-column": Kind(("TABLE", "COLUMN"), ("default",), "app.clients fax"),
    "drop-table": Kind(("TABLE",), (), "app.faxes"),
    "add-foreign-key": Kind(("TABLE", "COLUMNS", "REFERRED"), ("name",), "app.orders client_id app.clients"),
    "add-unique": Kind(("TABLE", "COLUMNS"), ("name",), "app.clients email"),
    "add-check": Kind(("TABLE", "NAME", "CONDITION"), (), 'app.orders total_is_positive "total > 0"'),
}


def example(kind: str) -> str:
    """Return an example of a kind, to be typed."""
    return f"inv change-new {kind} {KINDS[kind].example}"


def checked(words: Sequence[str], options: draft.Options) -> str:
    """Return the kind that the words name. Raises ConfigError where the words or the flags are not those of it."""
    if not words or words[0] not in KINDS:
        what = f"there is no kind of change {words[0]}" if words else "a change needs its kind"
        near = difflib.get_close_matches(words[0], list(KINDS), 1) if words else []
        hint = f"Did you mean {near[0]}?" if near else ""
        raise errors.ConfigError(what, f"{hint} The kinds: {', '.join(KINDS)}.".strip())
    kind = words[0]
    known = KINDS[kind]
    if len(words) - 1 != len(known.words):
        raise errors.ConfigError(
            f"{kind} needs {' '.join(known.words)}, and {len(words) - 1} words were given", example(kind)
        )
    for flag in ("strategy", "using", "back", "default", "into", "to", "name"):
        if getattr(options, flag) and flag not in known.flags:
            raise errors.ConfigError(f"{kind} has no --{flag}", example(kind))
    if kind == "split-column" and not (options.into and options.back):
        raise errors.ConfigError("split-column needs --into and --back", example(kind))
    if kind == "add-column-not-null" and not options.default:
        raise errors.ConfigError(
            "add-column-not-null needs a value for the rows that are there: --default", example(kind)
        )
    return kind
