"""Which way a rename goes: views of versions where they are in use, a view of the same name, or two columns."""

import re
from collections.abc import Iterator

from schemata import errors
from schemata.changes.authoring import checks, draft

#: The kinds that have a choice, and between what.
CHOICES = {
    "rename-column": ("dual", "samename", "view"),
    "rename-table": ("samename", "view"),
}


def strategy(request: draft.Request) -> tuple[str, str]:
    """Return the strategy of a rename, and why it is that one. Raises ConfigError for one that the kind has not."""
    wanted = request.options.strategy
    choices = CHOICES.get(request.kind, ())
    if wanted and wanted not in choices:
        what = f"has {', '.join(choices)}" if choices else "goes one way only"
        hint = "Leave --strategy out, or name one of those."
        raise errors.ConfigError(f"--strategy {wanted}: {request.kind} {what}", hint)
    if wanted:
        return wanted, "asked for"
    if request.versions:
        return "view", f"its versions are views already: {', '.join(view.schema for view in request.versions)}"
    if request.kind == "rename-table":
        return "samename", "rows are in one table, so that the other name is a view"
    try:
        checks.viewable(request)
    except draft.Refused as refused:
        return "dual", refused.message
    for why in unfit(request):
        return "dual", why
    return "samename", "the name changes only, and nothing was found that a view could not do"


def unfit(request: draft.Request) -> Iterator[str]:
    """Give what was found, in statements and functions of the server, that a view in the table's place would fail."""
    changed = request.table
    schema = rf'(?:"?{re.escape(changed.schema)}"?\s*\.\s*)?'
    name = rf'{schema}"?{re.escape(changed.name)}"?(?![\w$"])'
    patterns = {
        rf"\btruncate\s+(?:table\s+)?(?:only\s+)?{name}": "TRUNCATE",
        rf"\bcopy\s+{name}(?:\s*\([^)]*\))?\s+from\b": "COPY … FROM",
        rf"\binsert\s+into\s+{name}\s+(?:overriding\s+\w+\s+value\s+)?(?:values|select)\b": "INSERT without columns",
        rf"\binsert\s+into\s+{name}.*\bon\s+conflict\s+on\s+constraint\b": "ON CONFLICT ON CONSTRAINT",
    }
    for text in request.statements:
        for pattern, what in patterns.items():
            if re.search(pattern, text, re.IGNORECASE | re.DOTALL):
                yield f"a statement or function of the server has {what} on {changed.sql}, which fails through a view"
