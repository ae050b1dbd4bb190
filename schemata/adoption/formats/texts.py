"""The text of a foreign file: its encoding, its line ends, what is in its name."""

import re

from schemata.migrations import migration
from schemata.sql import parser

_LEADING_DIGITS = re.compile(r"\d+")


def decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text of a file, without byte order mark and with `\\n` line ends, and what there is to note.

    Raises ValueError for what is no text.

    >>> decoded(b"SELECT 'caf\\xe9';")
    ("SELECT 'café';", ('it is not UTF-8, and was read as Latin-1',))
    """
    notes = []
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16")  # what Windows' editors call Unicode
        notes.append("it is UTF-16, and becomes UTF-8")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
            notes.append("it is not UTF-8, and was read as Latin-1")
    if "\0" in text:
        raise ValueError("it has a NUL character, which PostgreSQL cannot take")
    if "\r" in text:
        if _breaks_in_literals(text):
            notes.append("line breaks inside of its strings or function bodies are CRLF, and become LF")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text, tuple(notes)


def _breaks_in_literals(text: str) -> bool:
    try:
        return any("\r" in word for word in parser.words(text))
    except parser.Refused:
        return False


def time_and_rest(name: str) -> tuple[str, str]:
    """Return the 14-digit time at the beginning of a name and what follows it; ("", name) where there is none.

    >>> time_and_rest("20240101120000_init"), time_and_rest("0001_init"), time_and_rest("20241399000000_x")
    (('20240101120000', 'init'), ('', '0001_init'), ('', '20241399000000_x'))
    """
    digits = _LEADING_DIGITS.match(name)
    if digits is None or not migration.is_timestamp(digits[0]):
        return "", name
    return digits[0], name[digits.end() :].lstrip("_-. ")
