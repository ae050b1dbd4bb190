"""The typed client: a Python package of SQLAlchemy models, generated from the live database."""

import contextlib
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from schemata import config, errors
from schemata.adapters import catalog, files, folders, history, journal, libpq
from schemata.commands import statuses, targets
from schemata.core import digest, outcome, stamps, status, voice


class NoClient(errors.ConfigError):
    """The project declares no typed client."""

    def __init__(self) -> None:
        super().__init__(
            "no typed client is declared, so there is nothing to generate",
            'Declare it in pyproject.toml:\n\n    [tool.schemata.client]\n    package = "app_client"\n',
        )


class GeneratorNotFound(errors.NotAvailable):
    """sqlacodegen or SQLAlchemy is not installed."""

    def __init__(self, name: str | None) -> None:
        super().__init__(
            f"the typed client needs {name or 'sqlacodegen'}, which is not installed",
            "Install it: pip install 'pgschemata[client]'",
        )


class NotMigrated(errors.Error):
    """The database is not what this build's migrations make, so a client of it would be another build's."""

    def __init__(self, pending: int, first: str) -> None:
        super().__init__(
            f"{pending} migration{'s are' if pending > 1 else ' is'} pending ({first}), "
            "so the client would lack what they make",
            "Migrate first: inv migrate",
        )


class OtherHistory(errors.Error):
    """Files and history contradict each other."""

    def __init__(self, finding: status.Finding) -> None:
        super().__init__(f"{finding.subject}: {finding.text}, so the client would not be this build's", finding.remedy)


class ClientNotWritable(errors.ConfigError):
    """The place of the client cannot be written."""

    def __init__(self, folder: Path, error: OSError) -> None:
        hint = f"Mount a writable volume or a tmpfs at {folder} (SCHEMATA_CLIENT_DIR), or name another place."
        if not os.environ.get("SCHEMATA_CLIENT_DIR"):
            hint = (
                "Mount a writable volume or a tmpfs, and name it: SCHEMATA_CLIENT_DIR=/run/client (or make "
                "this folder writable)."
            )
        super().__init__(
            f"{folder} cannot be written ({error.strerror or error}), so the typed client cannot be generated there",
            hint,
        )


def generate(
    settings: config.Config,
    *,
    url: str = "",
    check: bool = False,
    into: Path | None = None,
    speak: voice.Voice = voice.SILENT,
) -> outcome.Said:
    """Write the typed client of a migrated database into [tool.schemata.client] folder (or `into`).

    The package is replaced whole, and only when something differs; a failure leaves the old one. With `check`
    nothing is written: the answer is whether the client is what the database gives, and if not, what differs.
    """
    if not settings.client.package:
        raise NoClient
    schemas = settings.client.schemas or settings.schemas
    package = settings.client.package
    folder = (into or settings.root / settings.client.folder) / package
    if into:
        _probe(folder)  # seconds before it would be found
    choice = targets.choose(settings, url)
    with targets.connect(choice) as connection:
        accepted = _refuse_others(settings, connection)
        if accepted:
            speak.say(accepted)
        migrations = history.History(settings.history_schema).read(connection.query).head.digest
        structure = catalog.structure(connection.query, schemas)
        major = connection.server_version // 10000
        found = folders.read(folder)
        before = stamps.parse(found.get(stamps.FILE, ""))
        facts = {"package": str(folder), "schemas": list(schemas)}
        if check and before and _content(found) == before.content and before.major == major:
            stale = stamps.stale(before, major, migrations, structure, list(schemas))
            if stale:
                return _stale(folder, [stale], facts)
            return outcome.Said(f"{folder} is what the database gives.", facts=facts)
        made = _modules(choice.url, schemas, package)
        if catalog.structure(connection.query, schemas) != structure:
            raise errors.Busy("the structure changed while the client was generated", "Nothing was written. Run again.")
    if check:
        differ = _differences(found, made)
        if differ:
            return _stale(folder, differ, facts)
        return outcome.Said(f"{folder} is what the database gives.", facts=facts)
    made[stamps.FILE] = stamps.Stamp(major, migrations, structure, _content(made)).text()
    if found == made:
        return outcome.Said(f"{folder} is already what the database gives.", facts={**facts, "written": False})
    with _written(folder):
        folders.replace(folder, made)
    return outcome.Said(
        f"Generated {folder} ({len(schemas)} schema{'s' if len(schemas) > 1 else ''}).",
        facts={**facts, "written": True},
    )


def main(arguments: Sequence[str]) -> int:
    """Generate the client for a boot, whose child this is: root, folder, service. Return the exit code."""

    def terminated(number: int, frame: FrameType | None) -> None:
        raise SystemExit(errors.TERMINATED)

    signal.signal(signal.SIGTERM, terminated)
    root, folder, service = arguments
    lines = journal.Journal(os.environ.get("SCHEMATA_LOG_FORMAT", "text"), service, time.time())
    try:
        settings = dataclasses.replace(config.load(Path(root)), server=config.Server(kind="external"))
        generate(settings, into=Path(folder), speak=voice.Voice(lines.say, voice.SILENT.step))
    except errors.Error as error:
        lines.failed(type(error).__name__, error.message, error.hint, error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        return errors.INTERRUPTED
    return errors.DONE


@contextlib.contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ClientNotWritable(folder.parent, error) from error


def _probe(folder: Path) -> None:
    with _written(folder):
        folders.probe(folder)


def _refuse_others(settings: config.Config, connection: libpq.Connection) -> str:
    """Refuse a database that is not this build's; return what is to be said of a newer one that is accepted."""
    sources = files.read(settings.migrations, settings.schemas)
    compared = statuses.compare(settings, sources, connection.query, full=False)
    for finding in compared.of("changed", "missing", "ahead", "out-of-order"):
        if finding.exit_code != errors.DONE:
            raise OtherHistory(finding)
    for finding in compared.of("interrupted", "running"):
        raise OtherHistory(finding)
    if compared.pending:
        raise NotMigrated(len(compared.pending), compared.pending[0].id)
    ahead = compared.of("ahead")
    return f"{ahead[-1].text}; the client is generated from that" if ahead else ""


def _modules(url: str, schemas: tuple[str, ...], package: str) -> dict[str, str]:
    # Imported here: it is an extra, and costs more than all the rest.
    try:
        from schemata.adapters import generator
    except ModuleNotFoundError as error:
        raise GeneratorNotFound(error.name) from error
    return generator.modules(url, schemas, package)


def _content(found: Mapping[str, str]) -> str:
    return digest.of([(name, digest.checksum(text)) for name, text in found.items() if name != stamps.FILE])


def _differences(found: Mapping[str, str], made: Mapping[str, str]) -> list[str]:
    names = sorted({*found, *made} - {stamps.FILE})
    return [
        f"{name} {'is missing' if name not in found else 'is left over' if name not in made else 'differs'}"
        for name in names
        if found.get(name) != made.get(name)
    ]


def _stale(folder: Path, differ: list[str], facts: Mapping[str, object]) -> outcome.Said:
    return outcome.Said(
        f"{folder} is stale: {'; '.join(differ)}.\nWrite it again: inv generate",
        ok=False,
        exit_code=errors.NEEDS_PERSON,
        facts={**facts, "differences": differ},
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
