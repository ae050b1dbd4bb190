"""The truth about a database and a set of files: one union of findings, none hiding another."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from schemata import errors
from schemata.history import difference, evidence, recorded
from schemata.history.held import compatible, phases
from schemata.history.squashed import recognition
from schemata.migrations import migration, python_files
from schemata.migrations import revision as revisions
from schemata.postgres import lock_holder

SameMeaning = Callable[[str, str], bool]
# By id, where the history has no text, because another tool or a very large file was recorded.
_NO_DIFF = "The history does not hold the text that ran, so there is no diff; version control has it."


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is so: its code, what it is about, what to type, and the exit code that it asks for."""

    code: str
    schema: str
    subject: str
    text: str
    remedy: str = ""
    exit_code: int = errors.NEEDS_PERSON
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """One migration in the report."""

    id: str
    schema: str
    state: str
    applied_at: str = ""
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Observed:
    """What else was seen in the database.

    :param stands: what records without a file stand for.
    :param changes: what the database tells of changes in phases.
    :param others: findings of what only the database tells, made by those who looked.
    """

    invalid_indexes: Sequence[tuple[str, str, str, bool, int | None, str | None]] = ()
    unvalidated: Sequence[tuple[str, str, str]] = ()
    holders: Sequence[lock_holder.Holder] = ()
    applied_sql: Mapping[str, str] = dataclasses.field(default_factory=dict)
    stands: Mapping[str, Sequence[migration.Replaced]] = dataclasses.field(default_factory=dict)
    changes: phases.Seen = phases.NOTHING_SEEN
    others: Sequence[Finding] = ()


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Files against history. `findings` may be refined by what the database holds.

    :param pending: what a migrate applies. :param held: what it does not, because it waits to be asked for.
    :param kept: until when what a contract has set aside is kept, by change.
    """

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    pending: tuple[migration.Migration, ...]
    revision: str
    database_revision: str
    held: tuple[migration.Migration, ...] = ()
    kept: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def of(self, *codes: str) -> tuple[Finding, ...]:
        """Return the findings of these codes."""
        return tuple(finding for finding in self.findings if finding.code in codes)


def edited(files: Sequence[migration.Migration], history: recorded.Recorded) -> tuple[str, ...]:
    """Return the ids whose file is no longer what was applied, so that their applied text can be fetched."""
    checksums = {record.id: record.checksum for record in history.records}
    return tuple(item.id for item in files if checksums.get(item.id) and checksums[item.id] != item.checksum)


def compare(
    files: Sequence[migration.Migration],
    history: recorded.Recorded,
    *,
    accepts: str = "",
    out_of_order: str = "refuse",
    seen: Observed,
    same_meaning: SameMeaning,
) -> Comparison:
    """Return every finding about `files` in their one order against the history.

    `same_meaning` is called only for files whose checksum differs.
    """
    recognised = recognition.recognise(files, history, seen.stands)
    summary, history = history, recognised.history
    by_id = {item.id: item for item in files}
    records = {record.id: record for record in history.records}
    revision = recorded.last_id(by_id)
    findings: list[Finding] = []
    findings += _changed(files, records, seen.applied_sql, same_meaning)
    findings += _without_file(by_id, history, revision, accepts)
    open_attempts = {item.id: item for item in history.open_attempts if _is_open(item, records)}
    findings += _interrupted(open_attempts, by_id, seen.holders)
    # Of what lost its record nobody knows whether it is pending: a finding says so.
    doubtful = {item.id for item in evidence.doubtful(files, history)}
    unknown = doubtful.union(history.lost, (one.item.id for one in recognised.behind))
    waiting = phases.held(files, records.keys() | unknown, seen.changes, open_attempts)
    pending = tuple(item for item in files if item.id not in records.keys() | unknown | waiting.keys())
    newer = [finding.subject for finding in findings if finding.code == "ahead"]
    findings += _pending(files, records, pending, out_of_order, recorded.last_id(newer))
    by_schema = {item.id: item.schema for item in files}
    findings += [
        Finding("held", by_schema[id_], id_, f"is held: {one.text}", one.remedy, errors.DONE)
        for id_, one in waiting.items()
    ]
    findings += _indexes(seen, open_attempts)
    findings += [
        Finding("lock", "", str(holder.pid), f"the deploy lock is held by {holder.describe()}", "", errors.DONE)
        for holder in seen.holders
    ]
    if history.yoyo_lock_pid:
        findings.append(
            Finding(
                "yoyo-lock",
                "",
                str(history.yoyo_lock_pid),
                f"plain yoyo holds its lock row (client pid {history.yoyo_lock_pid}); a migrate waits for it",
                "If that process is gone: `yoyo break-lock` with the same database.",
                errors.DONE,
            )
        )
    if history.present and not summary.head_agrees() and all(fault.table != "head" for fault in history.faults):
        text, remedy = evidence.of_summary(summary, refused=bool(doubtful))
        findings.append(Finding("head", "", "head", text, remedy, errors.DONE))
    findings += seen.others
    return Comparison(
        rows=_rows(files, records, open_attempts, findings),
        findings=tuple(findings),
        pending=pending,
        revision=revision,
        database_revision=recorded.last_id(records),
        held=tuple(item for item in files if item.id in waiting),
        kept=seen.changes.kept,
    )


def _is_open(attempt: recorded.OpenAttempt, records: Mapping[str, recorded.Record]) -> bool:
    return (attempt.id not in records) if attempt.direction == "apply" else (attempt.id in records)


def _changed(
    files: Sequence[migration.Migration],
    records: Mapping[str, recorded.Record],
    applied_sql: Mapping[str, str],
    same_meaning: SameMeaning,
) -> list[Finding]:
    findings = []
    for item in files:
        record = records.get(item.id)
        if record is None or record.checksum == item.checksum:
            continue
        if not record.checksum:
            findings.append(
                Finding(
                    "unverified",
                    item.schema,
                    item.id,
                    "is recorded without the text that ran: another tool wrote the record, or a part of it was lost",
                    f"`inv migrate-baseline --through {item.id}` accepts the file as it is.",
                    errors.DONE,
                )
            )
            continue
        before = applied_sql.get(item.id)
        if before is not None and (python_files.same_meaning if item.is_python else same_meaning)(before, item.sql):
            findings.append(
                Finding(
                    "reformatted",
                    item.schema,
                    item.id,
                    "was edited after it was applied, in comments or formatting only",
                    "",
                    errors.DONE,
                )
            )
            continue
        findings.append(
            Finding(
                "changed",
                item.schema,
                item.id,
                f"{item.path} was edited after it was applied",
                "Restore the file and put the change into a new migration (`inv migrate-new`); or, as long as no other "
                "database has it: restore it, `inv rollback`, change it, `inv migrate`.",
                detail=(
                    _NO_DIFF
                    if before is None
                    else difference.diff(before, item.sql, item.id, ".py" if item.is_python else ".sql")
                ),
            )
        )
    return findings


def _without_file(
    by_id: Mapping[str, migration.Migration], history: recorded.Recorded, revision: str, accepts: str
) -> list[Finding]:
    findings = []
    build_time = by_id[revision].timestamp if revision else ""
    database_revision = recorded.last_id(history.ids())
    newer = {record.id for record in history.records if record.id not in by_id and record.timestamp > build_time}
    suits = newer <= compatible.ids(history.head.compatible)
    accepted = suits or revisions.within(database_revision, accepts)
    because = "The release before it runs with it." if suits else "This build accepts that revision (`accepts`)."
    ends = f"ends at {revision}" if revision else "has no migration"
    for record in history.records:
        if record.id in by_id:
            continue
        if record.timestamp > build_time:
            findings.append(
                Finding(
                    "ahead",
                    record.schema,
                    record.id,
                    f"the database is ahead: a newer release applied it; this build {ends}, "
                    f"the database is at {database_revision}",
                    because
                    if accepted
                    else f"Deploy the newer release (or bring the file back, if it was removed here), or accept it: "
                    f'[tool.schemata] accepts = "{build_time}..{database_revision.split(".")[1]}".',
                    errors.DONE if accepted else errors.NEEDS_PERSON,
                )
            )
        else:
            findings.append(
                Finding(
                    "missing",
                    record.schema,
                    record.id,
                    f"is applied (at {record.applied_at}), but this build has no file for it",
                    "Bring the file back from version control; a migration is never removed once applied.",
                )
            )
    return findings


_CHANGED_SINCE = "; the file has changed since that try"


def _interrupted(
    attempts: Mapping[str, recorded.OpenAttempt],
    files: Mapping[str, migration.Migration],
    holders: Sequence[lock_holder.Holder],
) -> list[Finding]:
    findings = []
    for attempt in attempts.values():
        schema = attempt.id.partition(".")[0]
        done = f"{attempt.statements_done} of {attempt.statement_count} statements are done"
        begun = f"{attempt.direction}, started {attempt.started_at} on {attempt.host or 'an unknown host'}"
        reason = f": {attempt.message}" if attempt.message else ""
        edited = _is_edited(attempt, files.get(attempt.id))
        if edited:
            # The lines and words of the message are those of another file.
            reason = f"; the file has changed since that try, which ended with{reason}" if reason else _CHANGED_SINCE
        if attempt.state == "running" and any(holder.pid == attempt.backend_pid for holder in holders):
            text = f"is being applied since {attempt.started_at}; {done}"
            findings.append(Finding("running", schema, attempt.id, text, "", errors.DONE))
        elif attempt.state == "failed":
            # The server refused the statement, so that one did not happen.
            left = f"{done} and stay" if attempt.statements_done else "nothing of it is left"
            again = "inv rollback" if attempt.direction == "rollback" else "inv migrate"
            remedy = f"Fix what was refused (the file, the rows or the privileges), then: {again}"
            if edited:
                remedy = f"Run the file as it is now: {again}"
            findings.append(Finding("failed", schema, attempt.id, f"failed ({begun}; {left}){reason}", remedy))
        else:
            text = f"was interrupted ({begun}; {done}){reason}"
            remedy = "`inv migrate` repairs it, or reports exactly which statement is indeterminate."
            findings.append(Finding("interrupted", schema, attempt.id, text, remedy))
    return findings


def _is_edited(attempt: recorded.OpenAttempt, file: migration.Migration | None) -> bool:
    # Of a rollback the history compares nothing: its text is not read for a status.
    return file is not None and attempt.direction == "apply" and attempt.checksum not in ("", file.checksum)


def _pending(
    files: Sequence[migration.Migration],
    records: Mapping[str, recorded.Record],
    pending: Sequence[migration.Migration],
    policy: str,
    newer: str,
) -> list[Finding]:
    position = {item.id: number for number, item in enumerate(files)}
    last_applied = max((position[id_] for id_ in records if id_ in position), default=-1)
    late = phases.may_be_late(files)
    findings = []
    for item in pending:
        if newer:
            findings.append(
                Finding(
                    "out-of-order",
                    item.schema,
                    item.id,
                    f"is pending, but the database is ahead: a newer release applied {newer} without it",
                    "Deploy the release that has both; an older one never applies anything to a newer database.",
                )
            )
        elif position[item.id] > last_applied or policy == "allow" or item.id in late:
            allowed = position[item.id] < last_applied and item.id not in late
            what = f"{item.directives.title or item.slug}{' (out of order, which is allowed)' if allowed else ''}"
            findings.append(Finding("pending", item.schema, item.id, what, "inv migrate", errors.PENDING))
        else:
            findings.append(
                Finding(
                    "out-of-order",
                    item.schema,
                    item.id,
                    f"is pending, but {files[last_applied].id}, which comes after it, is applied",
                    "`inv migrate-restamp` moves it to the end; `--allow-out-of-order` applies it as it is.",
                )
            )
    return findings


def _indexes(seen: Observed, attempts: Mapping[str, recorded.OpenAttempt]) -> list[Finding]:
    findings = []
    for schema, index, table, ready, builder, phase in seen.invalid_indexes:
        if builder:
            findings.append(
                Finding(
                    "building",
                    schema,
                    f"{schema}.{index}",
                    f"backend {builder} is building it now ({phase})",
                    "",
                    errors.DONE,
                )
            )
            continue
        enforced = "; if it is unique it still rejects rows" if ready else ""
        findings.append(
            Finding(
                "invalid-index",
                schema,
                f"{schema}.{index}",
                f"the index on {schema}.{table} is INVALID: the planner does not use it{enforced}",
                "`inv migrate` builds it again if its migration is interrupted"
                if attempts
                else f'REINDEX INDEX CONCURRENTLY "{schema}"."{index}"; or drop it: '
                f'DROP INDEX CONCURRENTLY "{schema}"."{index}";',
            )
        )
    for schema, table, name in seen.unvalidated:
        findings.append(
            Finding(
                "unvalidated",
                schema,
                f"{schema}.{table}.{name}",
                "the constraint is NOT VALID: old rows were never checked",
                f'ALTER TABLE "{schema}"."{table}" VALIDATE CONSTRAINT "{name}";',
                errors.DONE,
            )
        )
    return findings


def _rows(
    files: Sequence[migration.Migration],
    records: Mapping[str, recorded.Record],
    attempts: Mapping[str, recorded.OpenAttempt],
    findings: Sequence[Finding],
) -> tuple[Row, ...]:
    state_of = {finding.subject: finding.code for finding in findings if finding.code != "pending"}
    rows = []
    for item in files:
        record = records.get(item.id)
        state = state_of.get(item.id) or ("pending" if record is None else record.state or "applied")
        rows.append(
            Row(item.id, item.schema, state, record.applied_at if record else "", item.directives.title or item.slug)
        )
    known = {item.id for item in files}
    rows += [
        Row(record.id, record.schema, state_of.get(record.id, "missing"), record.applied_at)
        for record in records.values()
        if record.id not in known
    ]
    return tuple(rows)
