"""A scratch database with the session of a deploy in it, opened when it is needed and kept until it is to be copied."""

import contextlib
from collections.abc import Sequence

from schemata import config, targets
from schemata.deploy import apply, deployment, nontransactional, transactional
from schemata.history import recorded
from schemata.migrations import migration, precheck
from schemata.parity import expected
from schemata.rehearsal import scratch
from schemata.report import progress

_WAIT = 10.0


class Database:
    """A database of a rehearsal. Nobody else works on it, so what it records is known without asking again."""

    def __init__(
        self,
        settings: config.Config,
        server: scratch.Server,
        name: str,
        *,
        template: str = "",
        made: bool = True,
        through_psycopg: bool,
    ) -> None:
        # A copy of another one is made when that is ready.
        self.url = server.create(name, template) if made else ""
        self.name = name
        self.needed: set[str] = set()
        self._settings, self._server, self._through_psycopg = settings, server, through_psycopg
        self._stack = contextlib.ExitStack()
        self._deploy: deployment.Deploy | None = None
        self._head = recorded.ABSENT.head

    @property
    def deploy(self) -> deployment.Deploy:
        """Return the session, with the deploy lock and a history that is whole."""
        if self._deploy is None:
            choice = targets.Choice(self.url, "rehearsal")
            login = targets.login(choice, tries=targets.AGAIN, through_psycopg=self._through_psycopg)
            self._stack.enter_context(login)
            opened = deployment.of_session(self._settings, choice, progress.SILENT, login)
            self._deploy = self._stack.enter_context(opened)
            self._deploy.lock(_WAIT)
            self._head = self._deploy.prepare(_WAIT).head
        return self._deploy

    def close(self) -> None:
        """End the session, so that the database can be copied or dropped."""
        self._stack.close()
        self._deploy = None

    def copy_of(self, other: "Database") -> None:
        """Become a copy of another database."""
        self.close()
        other.close()
        self.url = self._server.create(self.name, other.name)

    def apply(self, items: Sequence[migration.Migration]) -> None:
        """Apply these, as `inv migrate` applies each; make roles that they need and that nobody makes."""
        precheck.check(items)
        deploy = self.deploy
        for item in items:
            self._apply(deploy, item)

    def _apply(self, deploy: deployment.Deploy, item: migration.Migration) -> None:
        resume = nontransactional.Resume()
        while True:
            try:
                _, self._head = apply.apply(deploy, item, self._head, resume, durable=False)
                return
            except transactional.ScriptFailed as error:
                if error.kept or not self.provide_role(error.failure.sqlstate, error.failure.message):
                    raise

    def provide_role(self, sqlstate: str, message: str) -> bool:
        """Make the role that a refusal says is not there, and that nobody makes; return whether it did."""
        role = expected.role_in(sqlstate, message)
        if not role or role in self.needed:
            return False
        expected.create_role(self.url, role)
        self.needed.add(role)
        return True

    def undo(self, item: migration.Migration) -> None:
        """Roll back the last migration, as `inv rollback` does."""
        actual = self.deploy.read()
        resume = nontransactional.Resume()
        _, self._head = apply.undo(self.deploy, item, actual, actual.head, [item.id], resume)

    def record(self, item: migration.Migration, statements: int) -> None:
        """Record a migration that was run here in another way."""
        after = recorded.head_after_apply(self._head, item)
        record = self.deploy.history.record_apply(
            item,
            self._head,
            after,
            self.deploy.session.client,
            fingerprint=precheck.parsed(item).fingerprint,
            statement_count=statements,
        )
        self.deploy.write([record])
        self._head = after
