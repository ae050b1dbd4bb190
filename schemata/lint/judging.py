"""Goes through the files in order, and gives what the rules find in them."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from schemata.lint import allowing, model, rules, squawk_rules
from schemata.lint.structure import locks, objects, replay, tree
from schemata.migrations import migration, precheck
from schemata.sql import statement

__all__ = ["Remark", "Verdict", "judge", "known_rules", "rules"]

#: What is asked of a rollback file; a migration that goes back removes things, which is no finding.
_OF_ROLLBACKS = frozenset(
    (
        *("transaction-control", "concurrently-in-transaction", "session-state", "timeout-in-file"),
        *("unqualified-name", "index-not-concurrent", "drop-index-not-concurrent", "reindex-not-concurrent"),
        *("vacuum-full", "function-body", "security-definer", "disable-trigger", "rollback-empty"),
    )
)
#: What holds whatever a comment, a setting or an import says.
_ALWAYS = frozenset(("allow-invalid", "allow-expired", "encoding", "syntax", "migration-file", "cannot-run", "empty"))


class Remark(NamedTuple):
    """What squawk, or the engine's own checks, say of a file: a rule, an offset (None: the file), text and remedy."""

    rule: str
    offset: int | None
    text: str
    remedy: str = ""


class Verdict(NamedTuple):
    """What was found, what was found and is allowed, and in how many files nothing was asked for `since`."""

    findings: tuple[model.Finding, ...]
    allowed: tuple[model.Finding, ...]
    accepted: int


@dataclasses.dataclass
class _Raw:
    """A hit and where it is, before it is decided how it counts."""

    rule: str
    script: model.Script
    offset: int | None
    hit: model.Hit


def known_rules() -> tuple[str, ...]:
    """Return every name that a setting or a comment may use: our rules, and squawk's that we know."""
    names = {*model.RULES, *squawk_rules.SEVERITIES, *squawk_rules.NEEDLESS, *squawk_rules.decided()}
    return tuple(sorted(names))


def nearest(name: str) -> str:
    """Return the rule that a word is nearly the name of; empty for none.

    >>> nearest("index-not-concurent")
    'index-not-concurrent'
    """
    return next(iter(difflib.get_close_matches(name, known_rules(), 1, 0.5)), "")


def judge(
    scripts: Sequence[model.Script],
    rollbacks: Mapping[str, model.Script],
    options: model.Options,
    today: datetime.date,
    remarks: Mapping[str, Sequence[Remark]],
) -> Verdict:
    """Return the findings of the judged ones among these files, which are in the order in which they run.

    :param rollbacks: the rollback file of a migration, by its path.
    :param remarks: what others remarks of a file, by its path: it is told where no rule of ours decides.
    """
    catalog = objects.Catalog()
    raw: list[_Raw] = []
    new_files: set[str] = set()
    for script in scripts:
        asked = script.judged and not script.accepted
        for hit in _of_script(script, catalog, options, frozenset(new_files), asked=asked):
            raw.append(hit)
        rollback = rollbacks.get(script.path)
        if asked:
            raw += _of_file(script, rollback, catalog, options, frozenset(new_files))
        if rollback is not None and rollback.judged and not script.accepted:
            raw += _of_rollback(rollback, catalog, options)
        if script.is_new:
            new_files.add(script.path)
    by_path = {script.path: script for script in (*scripts, *rollbacks.values())}
    raw += _at_the_end(scripts, by_path, catalog, options)
    raw += _of_others(by_path, remarks, options, raw)
    raw = [dataclasses.replace(one, hit=_weighed(one, options)) if one.hit.lasts else one for one in raw]
    return _verdict(raw, by_path, options, today)


def _of_script(
    script: model.Script, catalog: objects.Catalog, options: model.Options, new_files: frozenset[str], *, asked: bool
) -> Iterator[_Raw]:
    """Give the hits in a file, and take the catalog over it."""
    held: list[model.Held] = []
    open_ = script.mode == "transaction"
    for number, item in enumerate(script.statements):
        if script.mode == "own-transaction" and statement.opens_or_ends_transaction(item):
            open_ = _opens(item)
            held = []
        if not open_:
            held = []
        place = model.Place(script, options, catalog, item, number, tuple(held), open_, new_files)
        if asked:
            yield from _of_place(place)
        taken = [model.Held(lock.table, lock.mode, item.line) for lock in locks.of(place)]
        for inner in bodies(place):
            if asked:
                yield from _of_place(inner)
            taken += [model.Held(lock.table, lock.mode, item.line) for lock in locks.of(inner)]
            replay.apply(
                catalog, inner.node, schema=script.schema, path=script.path, line=item.line, text=inner.item.text
            )
        _note_order(catalog, script.path, held, taken)
        held += taken
        replay.apply(catalog, place.node, schema=script.schema, path=script.path, line=item.line, text=item.text)


def _note_order(catalog: objects.Catalog, path: str, held: Sequence[model.Held], taken: Sequence[model.Held]) -> None:
    """Keep in which order a file locks tables, for those behind it."""
    before = {lock.table for lock in held if lock.mode == locks.ACCESS_EXCLUSIVE}
    for lock in taken:
        if lock.mode == locks.ACCESS_EXCLUSIVE and lock.table not in before:
            for first in before:
                catalog.lock_order.setdefault((first, lock.table), path)


def _opens(item: statement.Statement) -> bool:
    return tree.begins_transaction(item.node)


def _of_place(place: model.Place, only: frozenset[str] | None = None) -> Iterator[_Raw]:
    for rule in model.of("statement"):
        if rule.kinds and place.kind not in rule.kinds:
            continue
        if (only is not None and rule.id not in only) or rule.check is None:
            continue
        for hit in rule.check(place):
            yield _Raw(rule.id, place.script, place.start if hit.at is None else hit.at, hit)


def bodies(place: model.Place) -> Iterator[model.Place]:
    """Give the statements that a DO block, or a routine of these files that is called, runs plainly."""
    text = ""
    if place.kind == "do_stmt":
        text = place.item.text
    elif place.kind in ("select_stmt", "call_stmt"):
        for schema, name in tree.function_names(place.node):
            routine = place.catalog.routines.get((schema or place.schema, name))
            text = routine.definition if routine is not None else text
    if not text:
        return
    for _, query in tree.plpgsql(text).statements:
        try:
            parts = statement.split(query)
        except statement.SyntaxProblem:
            continue
        for part in parts:
            at = place.script.sql.find(query, place.item.offset, place.item.end)
            offset = at if at >= 0 else place.item.offset
            item = dataclasses.replace(part, line=place.script.sql.count("\n", 0, offset) + 1)
            yield model.Place(
                place.script,
                place.options,
                place.catalog,
                item,
                place.number,
                place.held,
                place.in_transaction,
                place.new_files,
                starts=offset,
            )


def _of_file(
    script: model.Script,
    rollback: model.Script | None,
    catalog: objects.Catalog,
    options: model.Options,
    new_files: frozenset[str],
) -> Iterator[_Raw]:
    whole = model.Whole(script, options, catalog, rollback, new_files)
    for rule in model.of("file"):
        if rule.check is not None:
            for found in rule.check(whole):
                target = rollback if rollback is not None and found.path == rollback.path else script
                yield _Raw(rule.id, target, found.offset, found.hit)


def _of_rollback(rollback: model.Script, catalog: objects.Catalog, options: model.Options) -> Iterator[_Raw]:
    in_transaction = rollback.mode == "transaction"
    for number, item in enumerate(rollback.statements):
        place = model.Place(rollback, options, catalog, item, number, (), in_transaction)
        yield from _of_place(place, _OF_ROLLBACKS)
    whole = model.Whole(rollback, options, catalog, None)
    check = model.RULES["rollback-empty"].check
    for found in check(whole) if check is not None else ():
        yield _Raw("rollback-empty", rollback, found.offset, found.hit)


def _at_the_end(
    scripts: Sequence[model.Script],
    by_path: Mapping[str, model.Script],
    catalog: objects.Catalog,
    options: model.Options,
) -> Iterator[_Raw]:
    end = model.End(tuple(scripts), options, catalog)
    everything = all(script.judged for script in scripts)
    for rule in model.of("end"):
        for found in rule.check(end) if rule.check is not None else ():
            script = by_path.get(found.path)
            if script is None and everything:
                yield _Raw(rule.id, model.Script(found.path, ""), None, found.hit)
            elif script is not None and script.judged and not script.accepted:
                yield _Raw(rule.id, script, found.offset, found.hit)


def _of_others(
    by_path: Mapping[str, model.Script],
    remarks: Mapping[str, Sequence[Remark]],
    options: model.Options,
    raw: Sequence[_Raw],
) -> Iterator[_Raw]:
    """Give what others say, where none of our rules decides; the engine's refusal where nothing of ours is there."""
    wrong = {
        (hit.script.path, _line(hit.script, hit.offset)) for hit in raw if model.RULES[hit.rule].severity == "error"
    }
    wrong_files = {path for path, _ in wrong}
    for path, items in remarks.items():
        script = by_path.get(path) or model.Script(path, "")
        for item in items:
            if item.rule == "cannot-run":
                line = _line(script, item.offset)
                if (path, line) in wrong or (line == 0 and path in wrong_files):
                    continue
            if script.accepted and item.rule not in _ALWAYS:
                continue
            yield _Raw(item.rule, script, item.offset, model.Hit(item.text, remedy=item.remedy))


def _line(script: model.Script, offset: int | None) -> int:
    return 0 if offset is None else script.sql.count("\n", 0, offset) + 1


def refusals(script: model.Script) -> Iterator[Remark]:
    """Give why the engine would refuse to run a file, which it checks before it runs any."""
    if not script.statements or script.is_python or script.directives.outside:
        return
    try:
        precheck.check_script(script.path, script.sql, mode=script.mode, statements=script.statements)
    except migration.InvalidMigration as problem:
        text = problem.message.removeprefix(f"{script.path}:{problem.line}: ").removeprefix(f"{script.path}: ")
        at = next((item.offset for item in script.statements if item.line == problem.line), None)
        yield Remark("cannot-run", at, text, problem.hint)


def _verdict(
    raw: Iterable[_Raw], by_path: Mapping[str, model.Script], options: model.Options, today: datetime.date
) -> Verdict:
    allowances: dict[str, list[allowing.Allowance]] = {}
    raw = list(raw)
    names = known_rules()
    also = {hit.rule for hit in raw}
    for script in by_path.values():
        if not script.judged:
            continue
        allowances[script.path], problems = allowing.read(script, (*names, *also), today)
        raw += [_Raw(one.rule, script, one.offset, model.Hit(one.text, remedy=one.remedy)) for one in problems]
    findings: dict[tuple[object, ...], model.Finding] = {}
    allowed: list[model.Finding] = []
    for one in raw:
        level = _level(one, options)
        if level == "off":
            continue
        finding = _finding(one, level)
        reason = _reason(one, allowances.get(one.script.path, []))
        if reason is not None:
            allowed.append(dataclasses.replace(finding, reason=reason))
        else:
            findings.setdefault((finding.path, finding.line, finding.column, finding.rule, finding.text), finding)
    for path, listed in allowances.items():
        for allowance in listed:
            for name in allowance.rules:
                if name not in allowance.used and not by_path[path].accepted:
                    hit = model.Hit(f"Nothing that {name} finds is here any more.", remedy="Remove the comment.")
                    unused = _Raw("allow-unused", by_path[path], allowance.offset, hit)
                    level = _level(unused, options)
                    if level != "off":
                        finding = _finding(unused, level)
                        findings[finding.path, finding.line, finding.column, finding.rule, name] = finding
    ordered = sorted(findings.values(), key=lambda one: (one.path, one.line, one.column, one.rule))
    accepted = sum(script.accepted and script.judged for script in by_path.values() if not script.is_rollback)
    return Verdict(tuple(ordered), tuple(allowed), accepted)


def _weighed(one: _Raw, options: model.Options) -> model.Hit:
    """Return a hit that lasts as long as the rows of tables take, as the scale has it: a warning where it is short."""
    hit, tables = one.hit, one.hit.lasts
    said = options.sizes.describe(tables)
    if not said:
        return hit
    text = f"{hit.text} {said}"
    if not options.sizes.is_small(tables):
        return dataclasses.replace(hit, text=text)
    level = _less("warning", hit.level or model.RULES[one.rule].severity)
    return dataclasses.replace(hit, text=f"{text} That is short.", level=level)


def _level(one: _Raw, options: model.Options) -> model.Severity:
    rule = model.RULES.get(one.rule)
    if one.rule in _ALWAYS:
        return "error"
    base: model.Severity = rule.severity if rule is not None else squawk_rules.severity(one.rule, dict(options.levels))
    wanted = options.levels.get(one.rule, base)
    level = wanted
    if one.hit.level is not None and wanted != "off":
        # Of what is less in this place, no setting makes more; what is more here, a setting makes less.
        level = one.hit.level if one.rule not in options.levels else _less(one.hit.level, wanted)
    if one.script.imported:
        level = _less(level, "note")
    elif one.script.is_rollback:
        level = _less(level, "warning") if one.rule not in ("rollback-empty",) else level
    return level


def _less(one: model.Severity, other: model.Severity) -> model.Severity:
    return min(one, other, key=model.LEVELS.index)


def _reason(one: _Raw, allowances: Iterable[allowing.Allowance]) -> str | None:
    if one.rule in ("allow-invalid", "allow-expired"):
        return None
    number = _number(one)
    for allowance in allowances:
        if allowance.covers(one.rule, number):
            allowance.used.add(one.rule)
            return allowance.reason
    return None


def _number(one: _Raw) -> int | None:
    if one.offset is None:
        return None
    found = [number for number, item in enumerate(one.script.statements) if item.offset <= one.offset]
    return found[-1] if found else 0


def _finding(one: _Raw, level: model.Severity) -> model.Finding:
    script, hit = one.script, one.hit
    line = column = 0
    shown = ""
    if one.offset is not None:
        line, column = statement.locate(script.sql, one.offset + 1)
        number = _number(one)
        if (
            script.statements
            and number is not None
            and one.rule not in ("allow-unused", "allow-invalid", "allow-expired")
        ):
            shown = statement.excerpt(script.sql, script.statements[number])
        else:
            shown = statement.excerpt(script.sql, one.offset)
    rule = model.RULES.get(one.rule)
    remedy = hit.remedy or ("" if hit.sql or rule is None else rule.workaround)
    return model.Finding(
        rule=one.rule,
        severity=level,
        path=script.path,
        line=line,
        column=column,
        statement=shown,
        text=hit.text,
        remedy=remedy,
        sql=hit.sql,
        fixes=tuple(model.Fix(*fix) for fix in hit.fixes),
    )
