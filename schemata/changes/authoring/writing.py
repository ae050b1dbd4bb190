"""The text of a change's files: the leading comment with its directives, the statements, the rollback."""

import textwrap
from collections.abc import Mapping, Sequence

from schemata.changes.authoring import draft

# With the dashes in front no line is longer than 120.
_wrap = textwrap.TextWrapper(117, break_long_words=False, break_on_hyphens=False)
#: A rollback file needs a statement, also where there is nothing to take back.
_NOTHING = "SELECT 1;"


def files(
    written: draft.Draft, request: draft.Request, timestamps: Sequence[str], before: Sequence[str] = ()
) -> dict[str, str]:
    """Return the texts by file name, those of a rollback behind that of their migration.

    :param before: ids of migrations that the first file needs.
    """
    texts: dict[str, str] = {}
    tables = " ".join(dict.fromkeys([request.table.sql, *written.tables]))
    needs = tuple(before)
    for item, timestamp in zip(written.files, timestamps, strict=True):
        suffix = f"{item.phase}_{item.part}" if item.part else item.phase
        id_ = f"{request.table.schema}.{timestamp}.{request.id}_{suffix}"
        texts[f"{id_}.sql"] = _migration(item, request.id, needs, tables if item is written.files[0] else "")
        if not item.irreversible:
            texts[f"{id_}.rollback.sql"] = _rollback(item)
        needs = (id_,)
    return texts


def _migration(item: draft.File, id_: str, needs: Sequence[str], tables: str) -> str:
    directives = {
        "depends": " ".join(needs),
        "change": id_,
        "phase": item.phase,
        "tables": tables,
        "breaking": item.breaking,
        "verify": item.verify,
        "mode": item.mode,
        "irreversible": item.irreversible,
    }
    lines = [f"-- {word}: {value}" for word, value in directives.items() if value]
    return _text(item.title, item.why, [*lines, *_allowances(item.allow)], item.statements)


def _rollback(item: draft.File) -> str:
    title = f"Undo: {item.title[0].lower()}{item.title[1:]}"
    lines = [f"-- mode: {item.undo_mode}"] if item.undo_mode else []
    why = item.undo_why if item.undo else ("There is nothing to take back: the rollbacks of the other files do it.",)
    return _text(title, why, [*lines, *_allowances(item.undo_allow)], item.undo or (_NOTHING,))


def _allowances(allow: Mapping[str, str]) -> list[str]:
    return [f"-- lint: allow {rules}: {reason}" for rules, reason in allow.items()]


def _text(title: str, why: Sequence[str], lines: Sequence[str], statements: Sequence[str]) -> str:
    comment = [f"-- {title}"]
    if why or lines:
        comment.append("--")
    comment += [f"-- {line}" for part in why for line in _wrap.wrap(part)]
    return "\n".join([*comment, *lines]) + "\n\n" + "\n\n".join(statements) + "\n"
