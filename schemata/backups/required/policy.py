"""Whether a backup is taken before a deploy, of what, and why."""

import dataclasses
from collections.abc import Sequence

from schemata.backups.required import losses
from schemata.migrations import migration, precheck, python_files

NEVER, DESTRUCTIVE, ALWAYS = "never", "destructive", "always"
_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Decision:
    """Whether a backup is needed, in a sentence why, and of which schemas."""

    needed: bool
    reason: str
    schemas: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the line of a dry run."""
        if not self.needed:
            return f"Backup: none is taken: {self.reason}"
        return f"Backup: one of {', '.join(self.schemas)} is taken and verified first: {self.reason}"


def policy_of(setting: str, *, is_dev: bool) -> str:
    """Return the policy that holds: the setting, else by the kind of the database."""
    return setting or (NEVER if is_dev else DESTRUCTIVE)


def decide(
    policy: str, items: Sequence[migration.Migration], held: Sequence[str], schemas: Sequence[str], *, rollback: bool
) -> Decision:
    """Return whether these are preceded by a backup.

    :param held: the schemas of the database that hold anything that a backup would keep.
    :param schemas: all that the project has.
    """
    if policy == NEVER:
        return Decision(False, 'the policy is "never"')
    if not items:
        return Decision(False, "nothing is pending")
    if not held:
        return Decision(False, "the schemas hold no table yet")
    found: list[tuple[str, losses.Loss]] = []
    touched: set[str] = set()
    for item in items:
        if item.not_run and not rollback:
            continue
        taken = of_migration(item, rollback=rollback)
        if taken or policy == ALWAYS:
            touched.add(item.schema)
        touched |= {loss.schema for loss in taken if loss.schema}
        if any(loss.is_hidden for loss in taken):
            # What it does not show may be anywhere.
            touched |= set(schemas)
        found += [(item.id, loss) for loss in taken]
    chosen = tuple(name for name in schemas if name in touched and name in held)
    if not chosen and touched:
        return Decision(False, "the schemas that are touched hold no table yet")
    if found:
        shown = [f"{id_}: {loss.text}" for id_, loss in found[:_SHOWN]]
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        return Decision(True, "; ".join([*shown, *more]), chosen)
    if policy == ALWAYS and chosen:
        return Decision(True, 'the policy is "always"', chosen)
    return Decision(False, "nothing that is to run destroys anything")


def of_migration(item: migration.Migration, *, rollback: bool) -> list[losses.Loss]:
    """Return what a migration, or its rollback, may take from the data. A call in Python may take anything."""
    if not item.is_python:
        return losses.of_text(item.rollback_sql if rollback else item.sql)
    parts = [step.part(rollback=rollback) for step in python_files.steps(item.sql, item.path)]
    if any(part is not None and part.sql is None for part in parts):
        return [losses.Loss("code in Python, whose work its text does not show", is_hidden=True)]
    return losses.of_statements(precheck.check_python(item, rollback=rollback))
