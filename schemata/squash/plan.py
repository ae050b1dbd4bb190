"""What a squash would do, from the files alone: which migrations go, which statements stay, which files change."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from schemata import errors
from schemata.migrations import checksums, leading_comment, migration, python_files
from schemata.squash import baseline, effects

Parts = Mapping[str, tuple[effects.Part, ...]]


@dataclasses.dataclass(frozen=True)
class Plan:
    """The migrations that are replaced, those that stay, and what the statements of the first leave."""

    replaced: tuple[migration.Migration, ...]
    staying: tuple[migration.Migration, ...]
    parts: Parts

    @property
    def timestamp(self) -> str:
        """Return the time of the baselines: they sort where the last replaced migration sorted."""
        return max(item.timestamp for item in self.replaced)

    @property
    def through(self) -> str:
        """Return the last replaced migration."""
        return self.replaced[-1].id

    def of(self, effect: effects.Effect, left: Collection[tuple[str, int]] = ()) -> tuple[baseline.Kept, ...]:
        """Return the statements that have an effect, by migration; without those in `left` (id and offset)."""
        found = []
        for item in self.replaced:
            parts = [part for part in self.parts[item.id] if (item.id, part.statement.offset) not in left]
            if group := baseline.kept(item, parts, effect):
                found.append(group)
        return tuple(found)

    def listed(self, effect: effects.Effect) -> tuple[tuple[str, effects.Part], ...]:
        """Return each statement that has an effect, with the id of its migration."""
        return tuple((item.id, part) for item in self.replaced for part in self.parts[item.id] if part.effect == effect)


def make(sources: Sequence[migration.Migration], through: str, name: str, harmless: Collection[str] = ()) -> Plan:
    """Return the plan of a squash through a migration of these. Raises for one that is pointless or impossible."""
    last = next(number for number, item in enumerate(sources) if item.id == through)
    replaced, staying = tuple(sources[: last + 1]), tuple(sources[last + 1 :])
    if all(item.directives.replaces for item in replaced):
        raise errors.MigrationError(
            f"everything through {through} is squashed already", "Name a later migration: inv squash --through ID"
        )
    if python := next((item for item in replaced if item.is_python), None):
        raise errors.MigrationError(
            f"{python.path} is in Python: what its steps leave besides structure cannot be told from a text, so a "
            "baseline would not do what it does",
            "Squash through a migration before it (--through), or write what it leaves as SQL once it is applied "
            "everywhere.",
        )
    plan = Plan(replaced, staying, {item.id: _parts(item, harmless) for item in replaced})
    known = {item.id for item in sources}
    for item in sources:
        taken = f"{item.schema}.{plan.timestamp}.{name}"
        if taken in known:
            raise errors.ConfigError(
                f"there is a migration {taken}, and the baseline would have the same id", "Choose another --name."
            )
    return plan


def _parts(item: migration.Migration, harmless: Collection[str] = ()) -> tuple[effects.Part, ...]:
    return () if item.not_run else effects.of(item.sql, harmless)


def functions(sources: Sequence[migration.Migration]) -> set[str]:
    """Return the functions of which the server has to say whether they change something."""
    return {name for item in sources for part in _parts(item) for name in part.functions}


def needs_of_rows(plan: Plan) -> list[tuple[str, str, str]]:
    """Return which schema needs which for the statements about rows, and why."""
    found = []
    for group in plan.of("rows"):
        for schema in sorted(effects.tables(part.statement for part in group.parts) - {group.schema}):
            found.append((group.schema, schema, f"{group.id} reads or writes rows of {schema}"))
    return found


def rewritten(plan: Plan, baselines: Mapping[str, str], last: str) -> tuple[tuple[migration.Migration, str], ...]:
    """Return the files that stay and name a replaced migration in `-- depends:`, with the text that names baselines.

    :param baselines: the baseline of each replaced id; `last` is the one that runs last.
    """
    found = []
    for item in plan.staying:
        if not any(need in baselines for need in item.directives.depends):
            continue
        names = dict(baselines)
        # One that sorts before the baselines by its time has to wait for all of them.
        needs = [last] if item.timestamp <= plan.timestamp else []
        with_depends = python_files.with_depends if item.is_python else leading_comment.with_depends
        found.append((item, with_depends(item.sql, names, needs)))
    return tuple(found)


def notes_of_rewritten(plan: Plan, changed: Sequence[tuple[migration.Migration, str]]) -> list[migration.Rewritten]:
    """Return what a baseline says of files that change, now or by an earlier squash: databases know them as before."""
    found = [migration.Rewritten(item.id, item.checksum, checksums.checksum(text)) for item, text in changed]
    now = {item.id for item, _ in changed}
    staying = {item.id for item in plan.staying}
    for item in plan.replaced:
        found += [one for one in item.directives.rewritten if one.id in staying and one.id not in now]
    return found
