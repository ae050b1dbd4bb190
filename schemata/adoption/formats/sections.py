"""Files that hold both directions: the sections of dbmate, goose and node-pg-migrate.

A section keeps its marker, which is a comment: what the tool sends is the text as it stands.
"""

import re

_DBMATE_UP = re.compile(r"^--\s*migrate:up(\s*$|\s+\S+)", re.MULTILINE)
_DBMATE_DOWN = re.compile(r"^--\s*migrate:down(\s*$|\s+\S+)", re.MULTILINE)
_DBMATE_OPTION = re.compile(r"\btransaction:false\b")
_GOOSE = re.compile(r"^--\s*\+goose\s+(?P<word>[^\n]*?)\s*$", re.MULTILINE)
_GOOSE_NO_TRANSACTION = re.compile(r"^--\s*\+goose\s+NO TRANSACTION\s*$", re.MULTILINE | re.IGNORECASE)
_NODE = {way: re.compile(rf"^\s*--[\s-]*{way}\s+migration", re.MULTILINE | re.IGNORECASE) for way in ("up", "down")}


def dbmate(text: str) -> tuple[str, str | None]:
    """Return the two sections of a file of dbmate. Raises ValueError as dbmate refuses.

    `-- migrate:up` comes first, before it are comments only (pkg/dbmate/migration.go, `parseMigrationContents`);
    releases before 2 took a file without `-- migrate:down`.

    >>> dbmate("-- migrate:up\\nSELECT 1;\\n-- migrate:down\\nSELECT 2;\\n")
    ('-- migrate:up\\nSELECT 1;\\n', '-- migrate:down\\nSELECT 2;\\n')
    """
    up, down = _DBMATE_UP.search(text), _DBMATE_DOWN.search(text)
    if up is None:
        raise ValueError("it has no line `-- migrate:up`")
    if down is not None and down.start() < up.start():
        raise ValueError("`-- migrate:down` comes before `-- migrate:up`")
    before = text[: up.start()]
    if any(line.strip() and not line.strip().startswith("--") for line in before.split("\n")):
        raise ValueError("it has SQL before the line `-- migrate:up`")
    if down is None:
        return text, None
    return text[: down.start()], text[down.start() :]


def dbmate_transaction(section: str) -> bool:
    """Tell whether dbmate runs a section in a transaction: `transaction:false` stands on the line of its marker."""
    marker = _DBMATE_UP.search(section) or _DBMATE_DOWN.search(section)
    line = section[marker.start() :].split("\n", 1)[0] if marker else ""
    return not _DBMATE_OPTION.search(line)


def goose(text: str) -> tuple[str, str | None]:
    """Return the two sections of a file of goose. Raises ValueError as goose refuses.

    Statements end at a semicolon at the end of a line, or stand between StatementBegin and StatementEnd
    (internal/sqlparser/parser.go); the server finds their ends without that. An annotation at the beginning of the
    line counts wherever it stands.

    >>> goose("-- +goose Up\\nSELECT 1;\\n-- +goose Down\\nSELECT 2;\\n")
    ('-- +goose Up\\nSELECT 1;\\n', '-- +goose Down\\nSELECT 2;\\n')
    """
    marks = [(match["word"].upper(), match.start()) for match in _GOOSE.finditer(text)]
    ups = [at for word, at in marks if word == "UP"]
    downs = [at for word, at in marks if word == "DOWN"]
    if not ups:
        raise ValueError("it has no line `-- +goose Up`")
    if len(ups) > 1 or len(downs) > 1:
        raise ValueError("`-- +goose Up` or `-- +goose Down` is written twice")
    if downs and downs[0] < ups[0]:
        raise ValueError("`-- +goose Down` comes before `-- +goose Up`")
    if any(line.strip() and not line.strip().startswith("--") for line in text[: ups[0]].split("\n")):
        raise ValueError("it has SQL before the line `-- +goose Up`")
    begun = [word for word, _ in marks if word in ("STATEMENTBEGIN", "STATEMENTEND")]
    if begun != ["STATEMENTBEGIN", "STATEMENTEND"] * (len(begun) // 2):
        raise ValueError("its lines `-- +goose StatementBegin` and `StatementEnd` do not come in pairs")
    if not downs:
        return text, None
    return text[: downs[0]], text[downs[0] :]


def goose_transaction(text: str) -> bool:
    """Tell whether goose runs a file in transactions: `-- +goose NO TRANSACTION` counts for both directions."""
    return not _GOOSE_NO_TRANSACTION.search(text)


def node(text: str) -> tuple[str, str | None]:
    """Return the two sections of a SQL file of node-pg-migrate, which may come in either order.

    A file without markers is all `up`; what stands before the first marker is not run
    (src/sqlMigration.ts, `getActions`).

    >>> node("-- Up Migration\\nSELECT 1;\\n-- Down Migration\\nSELECT 2;\\n")
    ('-- Up Migration\\nSELECT 1;\\n', '-- Down Migration\\nSELECT 2;\\n')
    """
    up, down = (_start(way, text) for way in ("up", "down"))
    above = text if up < 0 else text[up : None if down < up else down]
    if up < 0 <= down:
        # The tool would run the text whole, its down part included.
        raise ValueError("it has a line `-- Down Migration`, but no line `-- Up Migration`")
    below = None if down < 0 else text[down : None if up < down else up]
    return above, below


def _start(way: str, text: str) -> int:
    match = _NODE[way].search(text)
    return text.index("--", match.start()) if match else -1
