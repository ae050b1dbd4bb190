"""Whether a database has what migrations make that are about to be called applied there."""

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from schemata import config, errors
from schemata.history import recorded
from schemata.history.drift import expectation
from schemata.migrations import checksums, migration
from schemata.parity import diff, expected
from schemata.postgres import queries
from schemata.report import progress
from schemata.snapshot import fingerprints, model, reading

_SHOWN = 20
_SIGNS = {"missing": "missing", "extra": "extra  ", "changed": "changed"}


class Told(NamedTuple):
    """How a refusal calls the migrations, what else would help, the command, and what to do without a replay."""

    migrations: str
    otherwise: str
    command: str
    nowhere: str


class DatabaseDiffers(errors.MigrationError):
    """The database is not what the migrations make that were to be recorded; nothing was recorded."""

    def __init__(self, told: "Told", differences: Sequence[diff.Difference]) -> None:
        count = f"{len(differences)} difference{'s' if len(differences) != 1 else ''}"
        lines = [f"  {_SIGNS[one.change]}  {one.subject}{_facts(one)}" for one in differences[:_SHOWN]]
        if len(differences) > _SHOWN:
            lines.append(f"  … and {len(differences) - _SHOWN} more")
        super().__init__(
            f"the database is not what {told.migrations} make of an empty one, so they are not what was "
            f"applied to it ({count}):\n" + "\n".join(lines),
            f"Nothing was recorded. `inv parity` shows both sides. {told.otherwise}, change the database, or take "
            "a difference as it is:\n"
            f'  {told.command} --accept "{differences[0].subject}" --reason "why"\n'
            "--accept may come several times, and * in it stands for anything.",
        )
        self.differences = tuple(differences)


class NotVerifiable(errors.NotAvailable):
    """Nobody here can say what the migrations make that were to be recorded; nothing was recorded."""

    def __init__(self, told: "Told", why: errors.Error) -> None:
        hint = f"{why.hint}\n" if why.hint else ""
        super().__init__(
            f"whether the database is what {told.migrations} make cannot be found out here: {why.message}",
            f"{hint}Nothing was recorded. {told.nowhere}",
        )


@dataclasses.dataclass(frozen=True)
class Verified:
    """What was found: the differences that somebody accepted, and the fingerprints that the migrations make."""

    accepted: tuple[diff.Difference, ...]
    expected: Mapping[str, str]

    @property
    def schemas(self) -> tuple[str, ...]:
        """Return the schemas that are not what the migrations make; "" stands for the database's own objects."""
        return tuple(dict.fromkeys(one.item.schema for one in self.accepted))


class Verification:
    """What migrations make, and how a database is compared with it. A replay is run once for the same migrations.

    :param chosen: the migrations that are to be recorded. :param accept: differences that are taken as they are, each
        as a refusal names it; `*` in one stands for anything. :param apart: tables that no migration of this project
        makes, by schema and name: another tool's own.
    """

    def __init__(
        self,
        settings: config.Config,
        sources: Sequence[migration.Migration],
        chosen: Sequence[migration.Migration],
        accept: Sequence[str],
        reporter: progress.Reporter,
        told: Told,
        apart: Collection[tuple[str, str]] = (),
    ) -> None:
        self._settings, self._sources, self._chosen = settings, sources, chosen
        self._told, self._apart = told, apart
        self._accept, self._reporter = tuple(accept), reporter
        self._known: dict[tuple[frozenset[str], int, str], model.Snapshot] = {}

    def verify(self, ask: queries.Ask, history: recorded.Recorded, deployer: str) -> Verified:
        """Compare the database with what the chosen migrations, and those it has already, make.

        `deployer` is who is going to own the history where there is none. Changes nothing. Raises DatabaseDiffers, and
        NotVerifiable where they cannot be run here.
        """
        # What one of them replaced is in it.
        older = {one.id for item in self._chosen for one in item.directives.replaces}
        ids = frozenset({*(item.id for item in self._chosen), *(history.ids() - older)})
        if unknown := sorted(ids - {item.id for item in self._sources}):
            raise NotVerifiable(self._told, errors.NotAvailable(f"{unknown[0]} is recorded there and has no file here"))

        def read(schemas: Sequence[str]) -> model.Snapshot:
            return reading.read(ask, schemas, history=self._settings.history_schema, deployer=deployer)

        actual = read(self._settings.schemas)
        locked = self._locked(ids, actual, read)
        if locked is not None:
            self._check_names(())
            return Verified((), locked)
        wanted = self._replayed(ids, actual)
        if more := [name for name in wanted.schemas if name not in actual.schemas]:
            actual = read((*actual.schemas, *more))
        found = [one for one in diff.diff(wanted, actual) if not self._is_made_by_us(one)]
        self._check_names([one for one in found if not self.is_apart(one)])
        if left := [one for one in found if not self._is_accepted(one)]:
            raise DatabaseDiffers(self._told, left)
        return Verified(tuple(found), wanted.fingerprints())

    def _locked(
        self, ids: frozenset[str], actual: model.Snapshot, read: Callable[[Sequence[str]], model.Snapshot]
    ) -> dict[str, str] | None:
        """Return what the lock file says of these migrations where the database is just that: nothing is run then."""
        digest = checksums.of([(item.id, item.checksum) for item in self._sources if item.id in ids])
        found = expectation.locked(self._settings, digest, actual.major, actual.deployer)
        if found is None:
            return None
        more = [name for name in found if name not in ("", fingerprints.FORM, *actual.schemas)]
        now = fingerprints.of(read((*actual.schemas, *more)) if more else actual)
        return None if fingerprints.differing(found, now) else found

    def _replayed(self, ids: frozenset[str], actual: model.Snapshot) -> model.Snapshot:
        key = (ids, actual.major, actual.deployer)
        if key not in self._known:
            try:
                self._known[key] = expected.expected(
                    self._settings, actual.major, ids=ids, deployer=actual.deployer, reporter=self._reporter
                )
            except (errors.NotAvailable, expected.ReplayFailed) as error:
                raise NotVerifiable(self._told, error) from error
        return self._known[key]

    def _is_made_by_us(self, difference: diff.Difference) -> bool:
        """Tell whether it is a schema of the settings that is missing and empty: it is made with the history."""
        item = difference.item
        return difference.change == "missing" and item.kind == "schema" and item.name in self._settings.schemas

    def _is_accepted(self, difference: diff.Difference) -> bool:
        return self.is_apart(difference) or any(_pattern(text).fullmatch(difference.subject) for text in self._accept)

    def is_apart(self, difference: diff.Difference) -> bool:
        """Tell whether it is a table of another tool that is there, or about a part of one.

        Where the files make that table as well, the tool made it before them, as it wants it.
        """
        item = difference.item
        if difference.change == "missing" and item.kind == "table":
            return False
        owner = tuple(item.facts.get("owned by", "").split(" ")[0].rpartition(".")[0].split("."))
        of = item.of or (item.name if item.kind == "table" else "")
        return (item.schema, of) in self._apart or owner in self._apart

    def _check_names(self, found: Sequence[diff.Difference]) -> None:
        """Refuse a name that no difference has: somebody expected one that is not there."""
        for text in self._accept:
            if not any(_pattern(text).fullmatch(one.subject) for one in found):
                named = ", ".join(one.subject for one in found[:_SHOWN]) or "there is none"
                raise errors.ConfigError(
                    f"--accept {text!r} names no difference between the database and what {self._told.migrations} make",
                    f"Differences: {named}. Nothing was recorded.",
                )


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.strip().split("*")), re.DOTALL)


def _facts(difference: diff.Difference) -> str:
    names = ", ".join(change.fact for change in difference.changes)
    return f" ({names})" if names else ""
