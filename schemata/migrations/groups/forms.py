"""The digests of databases that have all that a build asks for, other than that of its files."""

from collections.abc import Sequence

from schemata.migrations import migration
from schemata.migrations.groups import changes, replaced


def of(items: Sequence[migration.Migration]) -> dict[str, str]:
    """Return them as settings of a build: `also` as before a squash, `held` without phases that are not asked for."""
    found = {"also": replaced.forms(items), "held": changes.held_forms(items)}
    return {name: " ".join(digests) for name, digests in found.items() if digests}
