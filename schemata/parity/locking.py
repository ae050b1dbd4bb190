"""The lock file: written from the migrations and from what they make, checked against both."""

from collections.abc import Sequence
from pathlib import Path

from schemata import config, errors
from schemata.migrations import authoring, files, lock_file, migration
from schemata.parity import expected
from schemata.report import progress, results
from schemata.server import programs
from schemata.snapshot import fingerprints


def lock(
    settings: config.Config,
    *,
    check: bool = False,
    postgres: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> results.Message:
    """Write `migrations/manifest`: every migration in order, and the structure that they make.

    The structure is that of a replay in a temporary server, one for each major version: those of `postgres` (such as
    "14,18"), else those of the file as it is, else the development server's. A file with the marks of a merge
    conflict is written again. With `check` nothing is written: the answer is whether the file says what is so.
    """
    sources = authoring.checked(settings)
    path = settings.migrations / files.MANIFEST
    before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    chosen = versions(settings, postgres, before, reporter)
    made: dict[str, dict[str, str]] = {}
    for number, major in enumerate(chosen):
        reporter.step(number, len(chosen), f"PostgreSQL {major}")
        made[fingerprints.form(major)] = expected.expected(settings, major, reporter=reporter).fingerprints()
    text = authoring.lock_text(sources, made)
    facts = {
        "manifest": str(path),
        "migrations": len(sources),
        "expected": {form.partition(" ")[2]: schemas for form, schemas in made.items()},
    }
    on = ", ".join(str(major) for major in chosen)
    if check:
        if before == text:
            return results.Message(
                f"{path} matches the {len(sources)} migration files and what they make on PostgreSQL {on}.", facts=facts
            )
        lines = [f"{path} {'does not match what is so' if before else 'does not exist'}:", *_why(before, sources, made)]
        return results.Message(
            "\n".join([*lines, "Write it: inv lock"]), ok=False, exit_code=errors.NEEDS_PERSON, facts=facts
        )
    if before == text:
        return results.Message(f"{path} is as it should be: {len(sources)} migrations, PostgreSQL {on}.", facts=facts)
    files.replace(path, text)
    return results.Message(
        f"Locked {len(sources)} migrations and what they make on PostgreSQL {on} in {path}.\nCommit it.", facts=facts
    )


def versions(
    settings: config.Config, asked: str, before: str, reporter: progress.Reporter = progress.SILENT
) -> tuple[int, ...]:
    """Return the major versions to replay on: those asked for, else of the lock file, else the development server's.

    :param asked: such as "14,18". :param before: the text of the lock file.
    """
    if not asked:
        return lock_file.majors(before) or (programs.find(settings, reporter).major,)
    words = [word.strip() for word in asked.split(",")]
    unknown = [word for word in words if word not in settings.postgres]
    if unknown:
        raise errors.ConfigError(
            f"--postgres {asked}: {', '.join(unknown)} is none of the major versions of this project "
            f"({', '.join(settings.postgres)})",
            "Name those that the project is deployed on, such as: inv lock --postgres 16,18",
        )
    return tuple(sorted({int(word) for word in words}))


def _why(before: str, sources: Sequence[migration.Migration], made: lock_file.Expected) -> list[str]:
    """Return what the file says otherwise, a line each."""
    if not before:
        return []
    try:
        locked = lock_file.parse(before)
    except ValueError as error:
        return [f"  {error}"]
    known = {id_: checksum for id_, (checksum, _) in locked.members.items()}
    lines = [f"  {item.id} is not in it" for item in sources if item.id not in known]
    lines += [f"  {item.id} was edited since" for item in sources if known.get(item.id, item.checksum) != item.checksum]
    ids = {item.id for item in sources}
    lines += [f"  {id_} is in it, but there is no such file" for id_ in known if id_ not in ids]
    for form, schemas in made.items():
        where = f"PostgreSQL {form.partition(' ')[2]}"
        if form not in locked.expected:
            lines.append(f"  it says nothing about {where}")
            continue
        old = {fingerprints.FORM: form, **locked.expected[form]}
        differ = fingerprints.differing({fingerprints.FORM: form, **schemas}, old)
        lines += [f"  on {where} the migrations make another {fingerprints.describe(*one)}" for one in differ.items()]
    return lines or ["  its lines are in another order"]


def is_stale(folder: Path, sources: Sequence[migration.Migration]) -> bool:
    """Tell whether a lock file is there and is not that of these files."""
    locked = files.locked(folder)
    return locked is not None and not locked.fits(sources)
