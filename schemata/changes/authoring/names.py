"""Names as people type them and as statements have them; names that are made, within 63 bytes and not taken."""

import re
from collections.abc import Collection, Iterator

from schemata import errors
from schemata.remedies import remedy

#: PostgreSQL cuts a longer name without an error (NAMEDATALEN - 1, in bytes of UTF-8).
LIMIT = 63

#: A dotted name, or a part of it, as SQL has it: in double quotes where it is not plain.
quoted = remedy.name

_PART = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^\W\d][\w$]*))\s*')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class NameTooLong(errors.ConfigError):
    """A name that is typed, or must be made of it, has more bytes than PostgreSQL keeps."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(
            f"{what} {name} has {len(name.encode())} bytes, and PostgreSQL keeps {LIMIT} of a name",
            "Choose a shorter one.",
        )


def parse(text: str, what: str) -> tuple[str, ...]:
    """Return the parts of a name that was typed as SQL has it: plain parts are of small letters.

    >>> parse('app."Weird Name"', "the table"), parse("App.Orders", "the table")
    (('app', 'Weird Name'), ('app', 'orders'))
    """
    parts: list[str] = []
    rest = text
    while True:
        match = _PART.match(rest)
        if match is None:
            break
        name = match["quoted"].replace('""', '"') if match["quoted"] else match["plain"].lower()
        parts.append(checked(name, what))
        rest = rest[match.end() :]
        if not rest:
            return tuple(parts)
        if not rest.startswith("."):
            break
        rest = rest[1:]
    raise errors.ConfigError(
        f"{what} {text!r} is not a name as SQL has it",
        "Write app.orders; a name with spaces, capital letters or signs in double quotes, and the whole in single "
        "quotes for the shell: 'app.\"Weird Name\"'.",
    )


def checked(name: str, what: str) -> str:
    """Return a name that PostgreSQL keeps as it is. Raises NameTooLong, and ConfigError for control characters."""
    if _CONTROL.search(name):
        raise errors.ConfigError(f"{what} {name!r} has a control character", "Choose another name.")
    if len(name.encode()) > LIMIT:
        raise NameTooLong(name, what)
    return name


def table(text: str, default: str = "") -> tuple[str, str]:
    """Return schema and name of a table that was typed."""
    parts = parse(text, "the table")
    if len(parts) == 1 and default:
        return default, parts[0]
    if len(parts) != 2:
        raise errors.ConfigError(f"the table {text} is without its schema", f"Write it with it: app.{text}")
    return parts[0], parts[1]


def single(text: str, what: str) -> str:
    """Return a name without a dot that was typed."""
    parts = parse(text, what)
    if len(parts) != 1:
        raise errors.ConfigError(
            f"{what} {text} has a dot in it", "Write the name alone; where the dot is a part of it, in double quotes."
        )
    return parts[0]


def several(text: str, what: str) -> tuple[str, ...]:
    """Return names that were typed with commas between them."""
    found = tuple(single(part, what) for part in split(text, ","))
    for name in found:
        if found.count(name) > 1:
            raise errors.ConfigError(f"{what} {name} is named twice", "Name each once.")
    return found


def split(text: str, separator: str) -> list[str]:
    """Return what stands between separators outside of quotes, parentheses and brackets.

    >>> split("a=f(x, ','), b=1", ",")
    ["a=f(x, ',')", ' b=1']
    """
    parts = [""]
    depth, quote = 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter in "([") - (letter in ")]")
            if letter == separator and depth == 0:
                parts.append("")
                continue
        parts[-1] += letter
    return parts


def cut(name: str, keep: int = LIMIT) -> str:
    """Return the first bytes of a name, whole characters only.

    >>> cut("é" * 40) == "é" * 31
    True
    """
    return name.encode()[:keep].decode(errors="ignore")


def made(stem: str, suffix: str = "", taken: Collection[str] = ()) -> str:
    """Return a name that is made: a stem, cut so that the suffix fits, with a number where it is taken.

    >>> made("clients", "_base", {"clients_base"})
    'clients_base2'
    """
    for number in _numbers():
        end = f"{suffix}{number}"
        name = cut(stem, LIMIT - len(end.encode())) + end
        if name not in taken:
            return name
    raise AssertionError("numbers do not end")


def _numbers() -> Iterator[str]:
    yield ""
    number = 2
    while True:
        yield str(number)
        number += 1


def kept(name: str, taken: Collection[str]) -> str:
    """Return the name under which something is set aside.

    >>> kept("full_name", ())
    '_kept_full_name'
    """
    return made(f"_kept_{name}", "", taken)


def slug(*parts: str) -> str:
    """Return a name for a change: small letters, digits and `_`, 60 at most.

    >>> slug("rename", "Weird Name", "größe")
    'rename_weird_name_gr_e'
    """
    words = re.sub(r"[^a-z0-9]+", "_", "_".join(parts).lower()).strip("_")
    return words[:60].rstrip("_") or "change"
