"""The lock file: written from the migrations and from what they make, checked against both."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from schemata import config, errors
from schemata.history.drift import deployers
from schemata.migrations import authoring, files, lock_file, migration
from schemata.parity import expected
from schemata.report import document, progress, results
from schemata.server import programs
from schemata.snapshot import fingerprints

# Reserved, or nothing that a line can hold.
_NO_ROLE = re.compile(r"^(pg_.*|public|none|)$|[\x00-\x1f]")


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

    A rollback file that could not be run does not matter for it, and is told.
    """
    sources = authoring.checked(settings, rollbacks=False)
    problems = authoring.rollback_problems(sources)
    path = settings.migrations / files.MANIFEST
    before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    chosen = versions(settings, postgres, before, reporter)
    made: dict[str, dict[str, str]] = {}
    for number, major in enumerate(chosen):
        reporter.step(number, len(chosen), f"PostgreSQL {major}")
        made |= expectations(settings, major, reporter)
    text = authoring.lock_text(sources, made)
    facts = {
        "manifest": str(path),
        "migrations": len(sources),
        "expected": {form.partition(" ")[2]: schemas for form, schemas in made.items()},
        "rollback_problems": list(problems),
    }
    noted = [f"Note: {problem}." for problem in problems]
    on = ", ".join(str(major) for major in chosen)
    if check:
        if before == text:
            matches = f"{path} matches the {_told(sources, 'migration file')} on PostgreSQL {on}."
            return results.Message("\n".join([matches, *noted]), facts=facts)
        lines = [f"{path} {'does not match what is so' if before else 'does not exist'}:", *_why(before, sources, made)]
        return results.Message(
            "\n".join([*lines, "Write it: inv lock", *noted]), ok=False, exit_code=errors.NEEDS_PERSON, facts=facts
        )
    if before == text:
        as_is = f"{path} is as it should be: {document.number(len(sources), 'migration')}, PostgreSQL {on}."
        return results.Message("\n".join([as_is, *noted]), facts=facts)
    files.replace(path, text)
    done = f"Locked {_told(sources)} on PostgreSQL {on} in {path}.\nCommit it."
    return results.Message("\n".join([done, *noted]), facts=facts)


def _told(sources: Sequence[migration.Migration], what: str = "migration") -> str:
    they = "it makes" if len(sources) == 1 else "they make"
    return f"{document.number(len(sources), what)} and what {they}"


def expectations(
    settings: config.Config, major: int, reporter: progress.Reporter = progress.SILENT
) -> dict[str, dict[str, str]]:
    """Return what the migrations make on that version, as the lock file says it, by a replay.

    And for each role that they name, and that may deploy, what is another where it does.
    """
    base = expected.whole(settings, major, reporter=reporter)
    form = fingerprints.form(major)
    schemas = expected.compared(settings, base.structure).fingerprints()
    return {form: schemas, **variants(settings, major, deployers_of(settings, base), schemas, reporter)}


def deployers_of(settings: config.Config, base: expected.Replay) -> tuple[str, ...]:
    """Return the roles that the migrations name, each of which may deploy somewhere."""
    texts = [item.sql for item in files.read(settings.migrations, settings.schemas)]
    return tuple(name for name in base.roles if not _NO_ROLE.search(name) and deployers.is_named(name, texts))


def variants(
    settings: config.Config,
    major: int,
    roles: Iterable[str],
    base: Mapping[str, str],
    reporter: progress.Reporter = progress.SILENT,
) -> dict[str, dict[str, str]]:
    """Return the fingerprints that are not those of `base` where one of these roles deploys."""
    found = {}
    for role in roles:
        try:
            made = expected.expected(settings, major, deployer=role, reporter=reporter)
        except expected.ReplayFailed:
            # Such as CREATE ROLE, of one that is there: where this one deploys, the migrations do not run.
            continue
        other = {name: value for name, value in made.fingerprints().items() if base.get(name) != value}
        if other:
            found[lock_file.deployed_by(fingerprints.form(major), role)] = other
    return found


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
        where = lock_file.describe(form)
        if form not in locked.expected:
            lines.append(f"  it says nothing about {where}")
            continue
        old = locked.expected[form]
        differ = fingerprints.differing({fingerprints.FORM: form, **schemas}, {fingerprints.FORM: form, **old})
        lines += [f"  on {where} the migrations make another {fingerprints.describe(*one)}" for one in differ.items()]
        lines += [
            f"  on {where} it has a line of {name or 'the database'} too many" for name in old if name not in schemas
        ]
    lines += [f"  it has lines of {lock_file.describe(form)} too many" for form in locked.expected if form not in made]
    return lines or ["  its lines are in another order"]


def is_stale(folder: Path, sources: Sequence[migration.Migration]) -> bool:
    """Tell whether a lock file is there and is not that of these files."""
    locked = files.locked(folder)
    return locked is not None and not locked.fits(sources)
