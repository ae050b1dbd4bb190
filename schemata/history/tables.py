"""The history in the database: what to ask it, and the SQL of every row that is written to it.

The statements are composed here and sent by the executor, in the transaction of the migration that
they record. The history is always addressed by its qualified name.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence

from schemata import errors
from schemata.history import damage, layout, recorded, stored
from schemata.history.drift import rows
from schemata.migrations import checksums, migration
from schemata.postgres import deployer, libpq, queries

_SQL = queries.load("history", os.path.join(os.path.dirname(__file__), "queries"))

_PREPARED = "schemata_record"
_PARAMETERS = {
    "digest_before": "text",
    "digest_after": "text",
    "last_id": "text",
    "compatible": "text",
    "yoyo_hash": "text",
    "yoyo_operation": "text",
    "id": "text",
    "user": "text",
    "host": "text",
    "comment": "text",
    "schema": "text",
    "state": "text",
    "transactional": "boolean",
    "checksum": "text",
    "fingerprint": "text",
    "sql": "text",
    "statement_count": "integer",
}

_INSUFFICIENT_PRIVILEGE = "42501"

#: What the query `read` calls the tables.
_SOURCES = {
    "head": "head",
    "attempts": "attempts",
    "migrated": "_yoyo_migration",
    "log": "_yoyo_log",
    "version": "_yoyo_version",
    "lock": "yoyo_lock",
    "drift": "drift",
    "squashed": "squashed",
}
#: Classes of SQLSTATE of a query that does not fit the tables: a value that cannot be cast, a name that is not there.
_OF_SHAPE = ("22", "42")
#: Without any of these there is no history.
_TELLING = ("head", "attempts", "_yoyo_migration", "_yoyo_log")


class Unreadable(errors.Error):
    """The role may not read the history."""

    def __init__(self, schema: str, message: str) -> None:
        super().__init__(
            f"this role may not read the history: {message}",
            f"GRANT USAGE ON SCHEMA {schema} TO <role>; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO <role>;",
        )


def _is_refused(failure: Exception) -> bool:
    return getattr(failure, "sqlstate", "") == _INSUFFICIENT_PRIVILEGE


@dataclasses.dataclass(frozen=True)
class History:
    """The history that lives in one schema of a database."""

    schema: str

    def _fill(self, name: str, **values: str | int | float | bool | None) -> str:
        return _SQL[name].format(
            history=queries.identifier(self.schema), **{key: queries.literal(value) for key, value in values.items()}
        )

    def read(self, ask: queries.Ask) -> recorded.Recorded:
        """Return what is recorded, and what is wrong with the tables that record it.

        Reads only; needs USAGE on the schema and SELECT on its tables. Raises Unreadable, and HistoryDamaged where
        the tables are in a state that no query can read.
        """
        try:
            found = self._layout(ask)
            if not any(name in found for name in _TELLING):
                return recorded.ABSENT
            ours = any(name in found for name in layout.OURS) or self._is_commented(ask)
            wrong = layout.faults(found, queries.identifier(self.schema), ours=ours)
            history = recorded.parse(str(ask(self._read(found))[0][0]))
        except Exception as failure:
            if isinstance(failure, libpq.QueryFailed) and failure.sqlstate == _INSUFFICIENT_PRIVILEGE:
                raise Unreadable(self.schema, failure.message) from failure
            # Both drivers' refusals carry an SQLSTATE; naming psycopg's here would load it for a status.
            if (getattr(failure, "sqlstate", "") or "")[:2] in _OF_SHAPE and not _is_refused(failure):
                raise damage.HistoryDamaged(self.schema, [str(failure)]) from failure
            raise
        if ours:
            wrong = damage.known(wrong, history, {name for name in layout.TABLES if name not in found})
        faults = (*wrong, *history.faults)
        return dataclasses.replace(history, present=ours, faults=faults, keeps_drift="drift" in found)

    def _is_commented(self, ask: queries.Ask) -> bool:
        # Asked only where it matters: one who comments on something at the moment would make us wait.
        comment = ask(_SQL["comment"].format(schema=queries.literal(self.schema)))
        return bool(comment) and comment[0][0] == layout.EXPECTED_COMMENT

    def _layout(self, ask: queries.Ask) -> dict[str, layout.ActualTable]:
        names = ", ".join(queries.literal(name) for name in layout.TABLES)
        text = ask(_SQL["layout"].format(schema=queries.literal(self.schema), names=names))[0][0]
        document = json.loads(str(text))
        found = {
            name: layout.ActualTable(kind, {column: (row[0], row[1]) for column, row in columns.items()}, tuple(key))
            for name, (kind, columns, key) in document.items()
        }
        for name, table in found.items():
            if table.kind in ("r", "p") and layout.TABLES[name].columns.keys() - table.columns.keys():
                rows = ask(f"SELECT EXISTS (SELECT FROM {queries.identifier(self.schema)}.{name})::text")
                found[name] = dataclasses.replace(table, has_rows=rows[0][0] == "true")
        return found

    def _read(self, actual: Mapping[str, layout.ActualTable]) -> str:
        history = queries.identifier(self.schema)
        return _SQL["read"].format(**{word: layout.source(name, actual, history) for word, name in _SOURCES.items()})

    def applied_sql(self, ask: queries.Ask, ids: Sequence[str]) -> dict[str, str]:
        """Return the text that ran, by id; an id whose text was too large to be kept is missing."""
        if not ids:
            return {}
        found: dict[str, str | None] = json.loads(str(ask(self._fill("applied_sql", ids=json.dumps(list(ids))))[0][0]))
        texts = {id_: stored.unpack(text) for id_, text in found.items() if text is not None}
        return {id_: text for id_, text in texts.items() if text is not None}

    def unmoved(self, head: recorded.Head) -> str:
        """Return SQL that fails, with a division by zero, unless the head is still this one."""
        return self._fill("unmoved", digest=head.digest)

    def create(self) -> str:
        """Return the SQL that makes the tables; to be run once, in a transaction under the lock."""
        return f"{self._fill('create')}; {rows.create(self.schema)}"

    def record_apply(
        self,
        item: migration.Migration,
        head: recorded.Head,
        after: recorded.Head,
        who: deployer.Client,
        *,
        fingerprint: str,
        statement_count: int,
        attempt_number: int | None = None,
        state: str = "applied",
        comment: str | None = None,
        prepared: bool = False,
    ) -> str:
        """Return the one statement that records an applied migration and moves the head.

        With `attempt_number` it finishes that attempt, else it writes a whole new one; with `prepared` it
        executes what `prepare_record` prepared in this session.
        """
        values: dict[str, str | int | bool | None] = {
            "digest_before": head.digest,
            "digest_after": after.digest,
            "last_id": after.last_id,
            "compatible": after.compatible or None,
            "yoyo_hash": yoyo_hash(item.id),
            "yoyo_operation": "apply" if state == "applied" else "mark",
            "id": item.id,
            "user": who.user[:255],
            "host": who.host[:255],
            "comment": comment,
            "schema": item.schema,
            "state": state,
            "transactional": item.transactional,
            "checksum": item.checksum,
            "fingerprint": fingerprint,
            "sql": stored.pack(item.sql),
            "statement_count": statement_count,
        }
        if prepared:
            return f"EXECUTE {_PREPARED}({', '.join(queries.literal(values[name]) for name in _PARAMETERS)})"
        literals = {name: queries.literal(value) for name, value in values.items()}
        if attempt_number is None:
            return self._record_apply(literals)
        finish = self._fill("finish_attempt", attempt_number=attempt_number, state="applied")
        return _SQL["record_apply"].format(history=queries.identifier(self.schema), attempt=finish, **literals)

    def prepare_record(self) -> str:
        """Return the SQL that prepares the record of an applied migration: planning it takes as long as running it."""
        places = {name: f"${number}" for number, name in enumerate(_PARAMETERS, start=1)}
        types = ", ".join(_PARAMETERS.values())
        return f"PREPARE {_PREPARED}({types}) AS {self._record_apply(places)}"

    def _record_apply(self, values: Mapping[str, str]) -> str:
        history = queries.identifier(self.schema)
        attempt = _SQL["new_attempt"].format(history=history, **values)
        return _SQL["record_apply"].format(history=history, attempt=attempt, **values)

    def record_rollback(
        self,
        item: migration.Migration,
        head: recorded.Head,
        after: recorded.Head,
        who: deployer.Client,
        *,
        attempt_number: int | None = None,
        operation: str = "rollback",
    ) -> str:
        """Return the one statement that records a rollback and moves the head."""
        if attempt_number is None:
            attempt = self._fill(
                "new_rollback",
                id=item.id,
                schema=item.schema,
                transactional=item.rollback_transactional,
                checksum=checksums.checksum(item.rollback_sql),
                sql=stored.pack(item.rollback_sql),
                host=who.host,
                user=who.user,
            )
        else:
            attempt = self._fill("finish_attempt", attempt_number=attempt_number, state="rolled back")
        return _SQL["record_rollback"].format(
            history=queries.identifier(self.schema),
            attempt=attempt,
            **{
                key: queries.literal(value)
                for key, value in (
                    ("digest_before", head.digest),
                    ("digest_after", after.digest),
                    ("last_id", after.last_id or None),
                    ("compatible", after.compatible or None),
                    ("yoyo_hash", yoyo_hash(item.id)),
                    ("yoyo_operation", operation),
                    ("id", item.id),
                    ("user", who.user[:255]),
                    ("host", who.host[:255]),
                )
            },
        )

    def start_attempt(
        self,
        item: migration.Migration,
        who: deployer.Client,
        *,
        direction: str,
        fingerprint: str,
        statement_count: int,
        statements_done: int,
        structure: Mapping[str, str],
    ) -> str:
        """Return the SQL that says a non-transactional file is about to run; it answers the attempt's number."""
        sql = item.sql if direction == "apply" else item.rollback_sql
        return self._fill(
            "start_attempt",
            id=item.id,
            schema=item.schema,
            direction=direction,
            checksum=item.checksum if direction == "apply" else checksums.checksum(sql),
            fingerprint=fingerprint,
            sql=stored.pack(sql, whole=True),
            statement_count=statement_count,
            statements_done=statements_done,
            host=who.host,
            user=who.user,
            structure=json.dumps(dict(structure)),
        )

    def progress(self, attempt_number: int, statements_done: int) -> str:
        """Return the SQL that says how many statements are surely done."""
        return self._fill("progress", attempt_number=attempt_number, statements_done=statements_done)

    def end_attempt(self, attempt_number: int, state: str, sqlstate: str, line: int | None, message: str) -> str:
        """Return the SQL that ends a started attempt without success."""
        return self._fill(
            "end_attempt",
            attempt_number=attempt_number,
            state=state,
            sqlstate=sqlstate or None,
            line=line,
            message=message,
        )

    def failed_attempt(
        self,
        item: migration.Migration,
        who: deployer.Client,
        *,
        direction: str,
        state: str,
        seconds: float,
        sqlstate: str,
        line: int | None,
        message: str,
    ) -> str:
        """Return the SQL that remembers a transactional try which left nothing else behind."""
        sql = item.sql if direction == "apply" else item.rollback_sql
        return self._fill(
            "failed_attempt",
            id=item.id,
            schema=item.schema,
            direction=direction,
            state=state,
            checksum=item.checksum if direction == "apply" else checksums.checksum(sql),
            fingerprint=None,
            sql=stored.left_out(sql),
            duration_ms=seconds * 1000,
            host=who.host,
            user=who.user,
            sqlstate=sqlstate or None,
            line=line,
            message=message,
        )

    def adopt(self, item: migration.Migration, who: deployer.Client) -> str:
        """Return the SQL that gives a migration, which another tool recorded, the checksum of its file."""
        return self._fill(
            "adopt",
            id=item.id,
            schema=item.schema,
            transactional=item.transactional,
            checksum=item.checksum,
            sql=stored.pack(item.sql),
            host=who.host,
            user=who.user,
        )

    def dated(self, times: Mapping[str, str]) -> str:
        """Return the SQL that says when each of these was applied, which another tool recorded; by id, in UTC."""
        return self._fill("dated", times=json.dumps(dict(times)))

    def resolve_rolled_back(self, migration_id: str) -> str:
        """Return the SQL that makes an interrupted migration pending again."""
        return self._fill("resolve_rolled_back", id=migration_id)

    def set_structure(self, structure: Mapping[str, str], mark: str) -> str:
        """Return the SQL that remembers the structure, and its mark, after a run."""
        return self._fill("set_structure", structure=json.dumps(dict(structure)), mark=mark)

    def repair_head(self, history: recorded.Recorded) -> str:
        """Return the SQL that makes the summary agree with the rows again."""
        return self.set_head(history.sum())

    def set_head(self, head: recorded.Head) -> str:
        """Return the SQL that makes the summary say this; the structure that it remembers stays."""
        return self._fill(
            "repair_head",
            digest=head.digest,
            applied=head.applied,
            last_id=head.last_id or None,
            compatible=head.compatible or None,
        )

    def repair_tables(self, faults: Sequence[layout.Fault]) -> list[str]:
        """Return the statements that make the tables what they have to be; each fault must be derivable or accepted."""
        return layout.repair(faults, self.create())

    def restore(self, record: recorded.Record) -> str:
        """Return the SQL that writes the row again of a migration that attempts and head prove to be applied."""
        return self._fill("repair_record", yoyo_hash=yoyo_hash(record.id), id=record.id, attempt_number=record.attempt)

    def forget(self, migration_id: str, who: deployer.Client) -> str:
        """Return the SQL that records what a person found: nothing is left of a migration whose row was removed."""
        return self._fill(
            "forget",
            yoyo_hash=yoyo_hash(migration_id),
            id=migration_id,
            schema=migration_id.partition(".")[0],
            user=who.user[:255],
            host=who.host[:255],
        )


def yoyo_hash(migration_id: str) -> str:
    """Return what yoyo calls a migration's hash: the SHA-256 of its id, not of its content."""
    return hashlib.sha256(migration_id.encode()).hexdigest()
