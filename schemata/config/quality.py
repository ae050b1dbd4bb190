"""The settings of what judges migrations before they are applied: lint, rehearsal, checklist."""

import dataclasses

from schemata.config import values


@dataclasses.dataclass(frozen=True)
class Lint:
    """What lint takes as it is, and how it counts what it finds.

    :param since: migrations up to this time (YYYYMMDDHHMMSS) are history that is not judged.
    :param levels: another severity for a rule, as (rule, severity).
    """

    since: str = ""
    levels: tuple[tuple[str, str], ...] = ()
    index_name: str = "idx_{table}_{columns}"
    if_not_exists: str = "where-needed"
    max_statements: int = 40


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """How migrations are rehearsed, and where a proof is demanded before they are applied.

    :param rows: how many a table is filled with. :param large_rows: from how many a table of a target is large.
    :param scan_rate: megabytes a second, of which an estimate is made; so are the others.
    :param require_proof: never, always, production (what looks like it), or names of targets.
    """

    rows: int = 3
    large_rows: int = 10_000
    scan_rate: int = 200
    rewrite_rate: int = 50
    index_rate: int = 40
    require_proof: tuple[str, ...] = ("never",)


@dataclasses.dataclass(frozen=True)
class Check:
    """What `inv check` needs to know: the documents that mention every table, as paths or patterns below the root."""

    documents: tuple[str, ...] = ()


LINT: dict[str, values.Converter] = {
    "since": values.timestamp,
    "levels": values.list_of(values.level),
    "index_name": values.index_name,
    "if_not_exists": values.one_of("where-needed", "always"),
    "max_statements": values.count(1, 100_000),
}
REHEARSAL: dict[str, values.Converter] = {
    "rows": values.count(1, 9),
    "large_rows": values.count(0, 10**12),
    "scan_rate": values.count(1, 1_000_000),
    "rewrite_rate": values.count(1, 1_000_000),
    "index_rate": values.count(1, 1_000_000),
    "require_proof": values.list_of(values.text_of),
}
CHECK: dict[str, values.Converter] = {"documents": values.list_of(values.text_of)}
