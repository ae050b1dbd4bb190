"""The proof of a rollback: up, down, up, and down once more with rows that were written in between."""

import contextlib
import time
from pathlib import Path

from schemata import config, errors
from schemata.deploy import transactional
from schemata.deploy.python import failures
from schemata.migrations import migration, python_files
from schemata.rehearsal import comparing, outcome, running, scratch
from schemata.samples import rows
from schemata.server import programs
from schemata.squash import observing
from schemata.system import processes

_BEFORE = "after the rollback"
_AGAIN = "after the migration ran again"
_PATIENCE = 120.0
# Something refers to the row: RESTRICT, and the check of a foreign key.
_REFERENCED = ("23001", "23503")


class _Stopped(Exception):
    """A step of the cycle could not be run."""


def prove(
    settings: config.Config,
    server: scratch.Server,
    template: str,
    item: migration.Migration,
    before: comparing.Moment | None = None,
) -> tuple[outcome.Proved, comparing.Moment | None]:
    """Cycle a migration in a copy of a database that has those before it, and compare after each half.

    Returns what was proved, and the structure that the migration leaves, which is that before the next one.

    :param template: the database, in which nobody may be. :param before: its structure, where that is known.
    """
    reason = _without(item)
    if reason:
        return outcome.Proved(item.id, unproved=reason), None
    began = time.monotonic()
    database = running.Database(settings, server, "cycle", template=template, through_psycopg=item.is_python)
    cycle = _Cycle(settings, server, database, item)
    try:
        problems, notes = cycle.run(before)
    except _Stopped as stopped:
        problems, notes = (str(stopped),), ()
    except _NotUp as refused:
        return outcome.Proved(item.id, unproved=str(refused)), None
    finally:
        database.close()
    found = outcome.Proved(item.id, tuple(dict.fromkeys(problems)), notes, seconds=time.monotonic() - began)
    return found, cycle.left


class _NotUp(Exception):
    """The migration itself does not run: the rehearsal tells of it."""


def _without(item: migration.Migration) -> str:
    if item.not_run:
        return f"because nothing of it is run ({item.not_run})"
    if item.rollback_path:
        return ""
    if item.directives.irreversible:
        return f"because it has none (irreversible: {item.directives.irreversible})"
    if item.is_python and python_files.without_rollback(item.sql, item.path):
        return "because one of its steps has none"
    return "because there is no rollback file"


class _Cycle:
    """One database that goes up and down. `left` is what the migration leaves."""

    def __init__(
        self, settings: config.Config, server: scratch.Server, database: running.Database, item: migration.Migration
    ) -> None:
        self._settings, self._server, self._database, self._item = settings, server, database, item
        self.left: comparing.Moment | None = None

    def run(self, known: comparing.Moment | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the problems and the notes of the whole cycle."""
        before = self._look(known)
        try:
            self._database.apply([self._item])
        except errors.Error as error:
            raise _NotUp("because the migration itself does not run on the existing database") from error
        up = self.left = self._look()
        self._down()
        down = self._look()
        first = comparing.structure(before, down, _BEFORE)
        data = comparing.rows(before, up, down)
        notes = (*first.notes, *data.notes)
        if first.problems:
            return (*first.problems, *data.problems), notes
        self._up_again()
        second = comparing.structure(up, self._look(), _AGAIN)
        problems, more = self._with_newer_rows(before, up, down)
        return (*data.problems, *second.problems, *problems), (*notes, *second.notes, *more)

    def _with_newer_rows(
        self, before: comparing.Moment, up: comparing.Moment, down: comparing.Moment
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Roll back once more, with rows that were written while the migration was applied."""
        session = self._database.deploy.session
        rows.fill(session, self._settings.history_schema, self._settings.rehearsal.rows + 2)
        written = self._look(up)
        try:
            self._database.undo(self._item)
        except transactional.ScriptFailed as error:
            if error.sqlstate in _REFERENCED:
                return (), (
                    f"with rows that refer to what the migration made it refuses, and loses nothing: {error.message}",
                )
            raise _Stopped(
                f"the rollback fails with rows that were written after the migration: {error.message}"
            ) from error
        after = self._look()
        lost = comparing.later_rows(up, down, written, after)
        problems = comparing.structure(before, after, f"{_BEFORE} with newer rows").problems
        if comparing.made_rows(before, up):
            # What refers to rows of the migration's own goes with them.
            return problems, lost
        return (*problems, *lost), ()

    def _up_again(self) -> None:
        try:
            self._database.apply([self._item])
        except (errors.Error, failures.CallFailed) as error:
            raise _Stopped(f"the migration does not run again after its rollback: {error.message}") from error

    def _down(self) -> None:
        try:
            self._database.undo(self._item)
        except errors.Error as error:
            raise _Stopped(f"the rollback fails: {error.message}") from error

    def _look(self, known: comparing.Moment | None = None) -> comparing.Moment:
        """Return what is so now; of what is `known` the structure is taken as it was."""
        with contextlib.ExitStack() as stack:
            dump = stack.enter_context(processes.begun(command)) if not known and (command := self._command()) else None
            ask = self._database.deploy.session.rows
            seen = observing.observe(ask, self._settings, frozenset())
            told = dump.finish("", _PATIENCE) if dump else None
        text = told.output if told and told.code == 0 else ""
        return comparing.Moment(seen, known.dump if known else text)

    def _command(self) -> list[str | Path]:
        """Return how pg_dump prints the structure; nothing where there is none of this version."""
        of_version = programs.of_version(self._settings, self._server.major)
        try:
            program = programs.find(of_version, download=False).program("pg_dump")
        except errors.NotAvailable:
            return []
        history = f"--exclude-schema={self._settings.history_schema}"
        return [program, "--schema-only", history, f"--dbname={self._database.url}"]
