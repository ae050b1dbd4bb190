"""Write docs/lint-rules.md from the rules themselves. With `--check` write nothing, and exit 1 where it is stale."""

import sys
from collections.abc import Iterator
from pathlib import Path

from schemata.lint import model, rules, squawk_rules

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENT = REPOSITORY / "docs" / "lint-rules.md"
EXAMPLES = Path(rules.__file__).parent.parent / "examples"

_HEAD = """# What `inv lint` finds

Written by `python scripts/lint_rules.py` from the rules themselves: change those, not this file.

`inv lint` reads the migrations and what the ones before a statement have made; it asks no server. It exits with 1 for
an error, with `--strict` also for a warning; a note is for the reader. What is made in the same file, or in a new
file before it (`--base REF`), has no rows yet and nobody who uses it: nothing done to it is dangerous.

A rule is turned off or counted otherwise by `lint.levels` in the settings, and for one place by a comment, which is
for the whole file in its leading comment and else for the statement that follows. The reason may not be left out;
behind the date the finding counts again, and a comment that nothing answers to is reported.

```sql
-- lint: allow drop-column until 2027-01-31: the last reader goes with release 14
ALTER TABLE app.customers DROP COLUMN email;
```

What is dangerous only because a lock lasts as long as the rows of a table take is an error where the
[scale file](performance.md) gives the table at least `rehearsal.large_rows` rows, or where there is none or it does not
name the table; where it gives less, it is a warning with the rows named.

A line `-- breaking: reason` in the leading comment makes a note of what breaks a running release. A file of another
tool (`-- imported-from:`) gets notes only, and migrations up to `lint.since` none. Files above 128 KB are
searched for statements that do more than to write rows. What only a server can tell (rows that break a constraint,
how long something takes, whether a rollback gives back what was) is the rehearsal's.

The examples find these tables:

"""
_GROUPS = {
    "files": "Files",
    "allow": "Comments that allow",
    "indexes": "Indexes",
    "transactions": "Transactions and settings",
    "constraints": "Constraints",
    "columns": "Columns",
    "tables": "Tables",
    "partitions": "Partitions",
    "removed": "What is removed",
    "renamed": "What gets another name",
    "rows": "Rows",
    "names": "Names",
    "types": "Types and keys",
    "routines": "Routines and roles",
    "project": "The project",
}


def document() -> str:
    """Return the text of the document."""
    parts = [_HEAD + _fenced((EXAMPLES / "earlier.sql").read_text(encoding="utf-8"), "text")]
    for group, title in _GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [_rule(rule) for rule in model.RULES.values() if rule.group == group]
    return "\n".join([*parts, *_squawk()])


def _rule(rule: model.Rule) -> str:
    lines = [f"### {rule.id}", "", f"{rule.severity.capitalize()}. {rule.condition}", "", rule.effect, ""]
    lines += [f"Instead: {rule.workaround}"]
    if rule.decides:
        lines += ["", f"Decides what squawk calls {', '.join(f'`{name}`' for name in rule.decides)}."]
    folder = EXAMPLES / rule.id
    if (folder / "bad.sql").is_file():
        bad, good = ((folder / f"{which}.sql").read_text(encoding="utf-8") for which in ("bad", "good"))
        if bad.count("\n") > 20:
            bad = "\n".join([*bad.splitlines()[:2], "-- and so on", ""])
        lines += ["", _fenced(f"-- bad\n{bad}\n-- good\n{good}", "text").rstrip("\n")]
    return "\n".join(lines) + "\n"


def _fenced(text: str, language: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```\n"


def _squawk() -> Iterator[str]:
    yield "## squawk\n"
    yield (
        "squawk (2.70 and later, below 3) is asked as well. Its findings count as in this table; one of its rules that "
        "is not here is a\nwarning. `off` are those that it asks on demand only: a level of the settings asks.\n"
    )
    yield "| rule | counts as |\n|------|-----------|"
    rows = dict(squawk_rules.SEVERITIES) | {name: f"off: {why}" for name, why in squawk_rules.NEEDLESS.items()}
    rows |= {name: f"decided by {', '.join(ids)}" for name, ids in squawk_rules.decided().items() if name not in rows}
    for name in sorted(rows):
        yield f"| `{name}` | {rows[name]} |"
    yield ""


def main() -> int:
    """Write the document, or check it."""
    text = document()
    if "--check" in sys.argv[1:]:
        if not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != text:
            print(
                "docs/lint-rules.md is not what the rules say; write it: python scripts/lint_rules.py", file=sys.stderr
            )
            return 1
        return 0
    DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
