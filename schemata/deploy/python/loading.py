"""Load the file of a migration with yoyo's own code: what it then holds are yoyo's steps."""

import contextlib
import logging
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from schemata.deploy.python import failures
from schemata.migrations import files, migration, python_files

Info = Callable[[str], None]


def load(item: migration.Migration, info: Info) -> Any:
    """Return yoyo's Migration of a file, with its steps made. Raises NotInstalled or NotLoaded; nothing of it ran.

    It is loaded again each time, so that a second try meets nothing that the first left in the module.
    """
    try:
        from yoyo import exceptions, migrations
    except ImportError as error:
        raise failures.NotInstalled(item.path, error.name or "yoyo") from error
    with _without_bytecode(), quiet(info), _registry_kept(migrations.Migration):
        for need in item.directives.depends:
            # Yoyo looks a dependency up among those that it has seen. That they are applied is for the engine to say.
            migrations.Migration(need, "", "")
        found = migrations.Migration(item.id, item.path, os.path.dirname(item.path))
        try:
            found.load()
        except exceptions.BadMigration as error:
            cause = next((one for one in reversed(error.args) if isinstance(one, BaseException)), error)
            raise failures.NotLoaded(item.path, cause) from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the file does when it is loaded
            raise failures.NotLoaded(item.path, error) from None
    if files.text_of(item.path) != item.sql:
        raise migration.InvalidMigration(
            item.path, 0, "it was changed while this ran, so what would run is not what was checked", "Run again."
        )
    if found.use_transactions is not item.transactional or not found.steps:
        raise migration.InvalidMigration(
            item.path,
            0,
            "once loaded it says something else about its steps or `__transactional__` than its text does",
            "Write `__transactional__ = False` and the calls of step() plainly, at the top level of the file.",
        )
    return found


def check_reversible(item: migration.Migration, steps: Iterable[Any]) -> None:
    """Refuse to roll back what has no rollback once it is loaded: yoyo would pass over that step."""
    for step in steps:
        inner = getattr(step.step, "steps", None)
        if inner is not None:
            check_reversible(item, inner)
        elif step.step._rollback is None:
            raise failures.NotReversible(item.path)


def line_of(item: migration.Migration, sql: str, *, rollback: bool) -> int | None:
    """Return where the SQL of a step stands in the file; None where it is put together when the file is loaded."""
    for step in python_files.steps(item.sql, item.path):
        part = step.part(rollback=rollback)
        if part is not None and part.sql == sql:
            return part.line
    return None


@contextlib.contextmanager
def quiet(info: Info) -> Iterator[None]:
    """Pass on what yoyo warns of, a line each and without the traceback, instead of what it writes by itself."""
    logger = logging.getLogger("yoyo.migrations")
    handler = _Lines(info)
    before = logger.propagate, logger.handlers[:]
    logger.propagate, logger.handlers = False, [handler]
    try:
        yield
    finally:
        logger.propagate, logger.handlers = before[0], before[1]


class _Lines(logging.Handler):
    def __init__(self, info: Info) -> None:
        super().__init__(logging.WARNING)
        self._info = info

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on what is not an error of loading, which is raised as one."""
        cause = record.exc_info[1] if record.exc_info else None
        if not record.getMessage().startswith("Could not import"):
            self._info(f"{record.getMessage()}: {failures.described(cause)}" if cause else record.getMessage())


@contextlib.contextmanager
def _registry_kept(kind: Any) -> Iterator[None]:
    """Leave yoyo's register of every migration that it saw as it was: yoyo itself may be the program."""
    register: dict[str, Any] = vars(kind).get("_Migration__all_migrations", {})
    before = dict(register)
    try:
        yield
    finally:
        register.clear()
        register.update(before)


@contextlib.contextmanager
def _without_bytecode() -> Iterator[None]:
    """Load the text itself: nothing compiled is read, which may be of another text, or written beside migrations."""
    before = sys.dont_write_bytecode, sys.pycache_prefix
    sys.dont_write_bytecode = True
    sys.pycache_prefix = os.path.join(os.sep, "nonexistent", uuid.uuid4().hex)
    try:
        yield
    finally:
        sys.dont_write_bytecode, sys.pycache_prefix = before
