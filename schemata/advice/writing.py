"""A proposal as a migration with its rollback, and why it was made in its comment. Pure."""

import datetime
import re
from typing import NamedTuple

from schemata.advice import outcome
from schemata.remedies import remedy
from schemata.slow_queries import statement_text

_WIDTH = 100


class Files(NamedTuple):
    """A migration's id, its text, and its rollback's."""

    id: str
    sql: str
    rollback: str


def migration(proposal: outcome.Proposal, stamp: str, advised: str) -> Files:
    """Return the files of a proposal of one statement; `advised` says where and when it was made."""
    schema, table = proposal.candidate.table
    title = f"Index {schema}.{table} by {', '.join(key.text for key in proposal.candidate.keys)}"
    lines = [
        f"-- {title}.",
        "--",
        "-- transactional: false",
        "--",
        f"-- Why: {advised}",
    ]
    for helped in proposal.helps[:3]:
        lines += [f"-- * {outcome.evidence(helped)}"]
        lines += [f"--   {part}" for part in _quoted(helped.text)]
    id_ = f"{schema}.{stamp}.{_slug(proposal.name)}"
    name = remedy.name(schema, proposal.name)
    (statement,) = proposal.statements
    return Files(
        id_,
        "\n".join(lines) + f"\n\n{statement};\n",
        f"-- Undo: {title[0].lower()}{title[1:]}.\n--\n-- transactional: false\n\n"
        f"DROP INDEX CONCURRENTLY IF EXISTS {name};\n",
    )


def _slug(name: str) -> str:
    """Return the name of an index as the last part of a migration's id, which may hold fewer kinds of characters.

    >>> _slug("idx_Big Orders_custId"), _slug("ż")
    ('idx_big_orders_custid', 'index')
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "index"


def following(stamp: str) -> str:
    """Return the timestamp one second later.

    >>> following("20261231235959")
    '20270101000000'
    """
    moment = datetime.datetime.strptime(stamp, "%Y%m%d%H%M%S") + datetime.timedelta(seconds=1)
    return moment.strftime("%Y%m%d%H%M%S")


def _quoted(text: str) -> list[str]:
    """Return a statement on a few lines that cannot be taken for a directive."""
    words = statement_text.one_line(text).replace("*/", "* /").split(" ")
    lines = ["| "]
    for word in words:
        if len(lines[-1]) + len(word) > _WIDTH:
            if len(lines) == 3:
                lines[-1] += "…"
                break
            lines.append("| ")
        lines[-1] += f"{word} "
    return [line.rstrip() for line in lines]
