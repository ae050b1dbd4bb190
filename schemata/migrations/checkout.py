"""A project as it is on disk: its settings, its migrations in order, and the build they make."""

import dataclasses
from pathlib import Path

from schemata import config
from schemata.migrations import builds, checksums, files, migration
from schemata.migrations.groups import forms

CACHE = "stat-cache"


@dataclasses.dataclass(frozen=True)
class Checkout:
    """A project as it was read: its settings, its migrations in order, and the build they make."""

    settings: config.Config
    migrations: tuple[migration.Migration, ...]
    build: builds.Build


def survey(root: str) -> Checkout:
    """Read the project at `root`, and remember what its files were for the next look."""
    settings = config.load(Path(root))
    began = files.clock()
    found = files.read(settings.migrations, settings.schemas)
    remember(settings, began, found)
    last = found[-1].id if found else "-"
    value = checksums.of([(item.id, item.checksum) for item in found])
    kept = {**boot_settings(settings), **forms.of(found)}
    return Checkout(settings, found, builds.Build(value, last, kept, False))


def remember(settings: config.Config, began: float, migrations: tuple[migration.Migration, ...]) -> None:
    """Write the stat cache of a working tree, from files that were read after `began`."""
    facts = {
        "settings_stamp": builds.settings_stamp(str(settings.root)),
        "folder": str(settings.migrations),
        **boot_settings(settings),
    }
    files.remember(settings.state_dir / CACHE, began, facts, migrations)


def boot_settings(settings: config.Config) -> dict[str, str]:
    """Return what the fast path of a boot needs to know of the settings."""
    return {
        "history": settings.history_schema,
        "attempts": str(settings.wait.attempts),
        "delay": str(settings.wait.delay),
        "lock_wait": str(settings.locks.wait),
        "schemas": ",".join(settings.schemas),
        "accepts": settings.accepts,
        "create": "true" if settings.create_database else "false",
        "client_package": settings.client.package,
        "client_folder": settings.client.folder,
        "client_schemas": ",".join(settings.client.schemas),
        "client_services": ",".join(service.name for service in settings.services if service.client),
        "services": ",".join(service.name for service in settings.services),
    }
