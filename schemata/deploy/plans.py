"""What a migrate is to apply: the pending files of a comparison, or the reason for none."""

import dataclasses
import itertools
from collections.abc import Sequence

from schemata import config, errors
from schemata.history import comparison, status
from schemata.migrations import files, lookup, migration, rollback_files
from schemata.postgres import queries

#: Findings about the database alone: nothing may be applied over them.
OF_DATABASE = ("existing-objects", "history-damaged", "record-lost")
_REFUSED = (*OF_DATABASE, "squash-behind", "changed", "missing", "ahead", "out-of-order")
# Somebody who writes migrations has few pending; a history of a thousand on a fresh database is not held up by reading
# as many files more.
_ROLLBACKS_READ = 50


class DeployRefused(errors.MigrationError):
    """Files and history contradict each other; nothing was done."""

    def __init__(self, findings: Sequence[comparison.Finding], done: str = "applied") -> None:
        parts = []
        # A build that is behind by a hundred migrations is told once what to do.
        for remedy, alike in itertools.groupby(findings, key=lambda finding: finding.remedy):
            for finding in alike:
                detail = f"\n{finding.detail.rstrip()}" if finding.detail else ""
                parts.append(f"{finding.subject}: {finding.text}{detail}")
            parts.append(f"  {remedy}")
        super().__init__("\n".join(parts), f"Nothing was {done}.")
        self.findings = tuple(findings)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which of the files are to be applied."""

    settings: config.Config
    sources: tuple[migration.Migration, ...]
    schema: str
    to: str
    allow_out_of_order: bool
    on_existing_objects: bool
    # Its files were checked when it was sealed; a broken rollback there must not hold up a start.
    of_a_build: bool

    def check(self) -> None:
        """Refuse a schema or a migration that is none of the project's."""
        lookup.check_schema(self.settings, self.schema)
        if self.to:
            lookup.find(self.sources, self.to)

    def compare(self, ask: queries.Ask) -> comparison.Comparison:
        """Return what the database has against the files."""
        return status.compare(
            self.settings,
            self.sources,
            ask,
            full=False,
            allow_out_of_order=self.allow_out_of_order,
            on_existing_objects=self.on_existing_objects,
        )

    def selected(self, compared: comparison.Comparison) -> tuple[migration.Migration, ...]:
        """Return what is to be applied, in order. Raises DeployRefused."""
        return _selected(compared, self.sources, self.schema, self.to)


def _selected(
    compared: comparison.Comparison, sources: Sequence[migration.Migration], schema: str, to: str
) -> tuple[migration.Migration, ...]:
    refused = [finding for finding in compared.of(*_REFUSED) if finding.exit_code != errors.DONE]
    if refused:
        raise DeployRefused(refused)
    pending = compared.pending
    if compared.of("ahead") and not pending:
        return ()
    if to:
        order = {item.id: number for number, item in enumerate(sources)}
        pending = tuple(item for item in pending if order[item.id] <= order[to])
    if schema:
        last = max((number for number, item in enumerate(pending) if item.schema == schema), default=-1)
        pending = pending[: last + 1]
    return pending


def rollback_notes(pending: Sequence[migration.Migration]) -> tuple[str, ...]:
    """Return what is wrong with the newest rollbacks of what is about to be applied: told now, not when needed."""
    try:
        return rollback_files.problems(files.with_rollbacks(pending[-_ROLLBACKS_READ:]))
    except errors.Error as error:
        return (error.message,)


def notes(compared: comparison.Comparison) -> list[str]:
    """Return what a deploy mentions of a comparison and goes on."""
    notes = [f"{finding.subject}: {finding.text}" for finding in compared.of("reformatted", "unverified", "yoyo-lock")]
    notes += [
        "\n".join([f"{finding.subject}: {finding.text}", *filter(None, [finding.detail])])
        for finding in compared.of("existing-objects")
    ]
    ahead = compared.of("ahead")
    if ahead:
        notes.append(f"{ahead[-1].text}. {ahead[-1].remedy} Nothing is applied.")
    return notes
