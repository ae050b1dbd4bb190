"""A report as one HTML page: the matrix, and every difference with both definitions side by side. Loads nothing."""

import html
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from schemata.parity import diff
from schemata.parity.reports import listing, outcome, report
from schemata.report import document, marking, sides
from schemata.snapshot import kinds
from schemata.snapshot import listing as snapshots

_STYLE = Path(__file__).with_suffix(".css")


def render(result: report.Report) -> str:
    """Return the page. Whatever comes from a database is escaped."""
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Parity</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # Nothing is to be loaded or run, whatever a definition holds.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<style>{_STYLE.read_text(encoding='utf-8')}</style></head><body><main>",
        "<h1>Parity</h1>",
        f'<p class="quiet">Checked at {_time(result.checked_at)}</p>',
        *_verdict(result),
        *_matrix(result),
        *_filter(result),
        *(part for one in result.outcomes for part in _target(one)),
        *_rules(result),
        *_not_compared(),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def matrix(result: report.Report) -> str:
    """Return the table of differences by target and schema, for another page."""
    return "\n".join(_matrix(result))


def _time(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _verdict(result: report.Report) -> Iterator[str]:
    every = [difference for one in result.outcomes for difference in one.differences]
    away = [one.name for one in result.outcomes if not one.asked]
    yield f'<div class="{"verdict" if result.ok else "verdict bad"}">'
    if every:
        yield f"<p><strong>{document.number(len(every), 'difference')}</strong> {_chips(outcome.severities(every))}</p>"
    elif len(away) < len(result.outcomes):
        yield "<p><strong>Parity: no difference</strong></p>"
    if away:
        yield f"<p><strong>Could not be asked: {_text(', '.join(away))}</strong></p>"
    if set(result.counted) != set(kinds.SEVERITIES):
        yield f"<p>For the exit code count: {_text(', '.join(result.counted))}</p>"
    yield "</div>"


def _chips(counts: dict[str, int]) -> str:
    return "".join(
        f'<span class="chip {severity}">{count} {severity}</span>' for severity, count in counts.items() if count
    )


def _matrix(result: report.Report) -> Iterator[str]:
    schemas = list(dict.fromkeys(["", *(schema for one in result.outcomes for schema in one.schemas)]))
    heads = "".join(f'<th scope="col">{_text(listing.name_of(schema))}</th>' for schema in schemas)
    yield '<div class="scroll"><table class="matrix"><caption>Differences by target and schema</caption>'
    yield f'<thead><tr><th scope="col">target</th>{heads}</tr></thead><tbody>'
    for one in result.outcomes:
        head = f'<th scope="row"><a href="#{_anchor(one)}">{_text(one.name)}</a></th>'
        if one.asked:
            cells = "".join(_cell(one, schema) for schema in schemas)
        else:
            cells = f'<td class="away" colspan="{len(schemas)}">could not be asked: {_text(one.problem)}</td>'
        yield f"<tr>{head}{cells}</tr>"
    yield "</tbody></table></div>"


def _cell(one: outcome.Outcome, schema: str) -> str:
    counts = one.counts.get(schema)
    if counts is None:
        return '<td class="none">not compared</td>'
    ignored = one.ignored_counts[schema]
    more = f"<small>{ignored} ignored</small>" if ignored else ""
    if not any(counts.values()):
        return f'<td class="parity">✓ parity{more}</td>'
    return f'<td><a href="#{_anchor(one, schema)}">{_chips(counts)}</a>{more}</td>'


def _filter(result: report.Report) -> Iterator[str]:
    counts = outcome.severities(difference for one in result.outcomes for difference in one.differences)
    shown = [severity for severity, count in counts.items() if count]
    if len(shown) > 1:
        boxes = "".join(
            f'<label><input type="checkbox" id="show-{severity}" checked> {severity}</label>' for severity in shown
        )
        yield f'<p class="filter"><span class="quiet">Show:</span> {boxes}</p>'


def _target(one: outcome.Outcome) -> Iterator[str]:
    yield f'<section id="{_anchor(one)}"><h2>{_text(one.name)}</h2>'
    yield f'<dl class="sides"><dt>actual</dt><dd>{_text(one.actual)}</dd>'
    yield f"<dt>expected</dt><dd>{_text(one.expected)}</dd></dl>"
    if not one.asked:
        hint = f"<br>{_text(one.hint)}" if one.hint else ""
        yield f'<p class="note"><strong>Could not be asked.</strong> {_text(one.problem)}{hint}</p></section>'
        return
    yield from (f'<p class="note">{_text(note)}</p>' for note in one.notes)
    if one.not_read:
        yield f'<p class="note">Not read: {_text(", ".join(one.not_read))}</p>'
    if not one.differences:
        yield "<p>No difference.</p>"
    for schema in ("", *one.schemas):
        of_schema = listing.of_schema(one, schema)
        if of_schema:
            title = f"Schema {schema}" if schema else "The database as a whole"
            chips = _chips(outcome.severities(of_schema))
            yield f'<h3 id="{_anchor(one, schema)}">{_text(title)} {chips}</h3>'
            yield from (part for difference in of_schema for part in _difference(difference))
    if one.renamed:
        items = "".join(f"<li>{_text(rename.describe())}</li>" for rename in one.renamed)
        yield f"<p>Perhaps:</p><ul>{items}</ul>"
    if one.ignored:
        yield f"<details><summary>{document.number(len(one.ignored), 'difference')} ignored by rule</summary>"
        for hidden in one.ignored:
            yield f'<p class="quiet">{_text(hidden.rule.reason)}</p>'
            yield from _difference(hidden.difference)
        yield "</details>"
    yield "</section>"


def _difference(difference: diff.Difference) -> Iterator[str]:
    severity = difference.severity
    subject = f'<span class="subject">{_text(difference.subject)}</span>'
    more = f'<span class="quiet">{_text(listing.parts(difference))}</span>'
    yield f'<article class="{severity}"><header><span class="chip {severity}">{severity}</span>'
    yield f'<span class="change">{difference.change}</span>{subject}{more}</header>'
    facts = [(change.fact, change.expected, change.actual) for change in difference.changes]
    # Where the facts are of several classes, each that is less severe than the whole says so.
    milder = {change.fact: change.severity for change in difference.changes if change.severity != severity}
    if difference.change != "changed":
        facts += [(fact, *listing.sides(difference, value)) for fact, value in listing.definition(difference)]
    if facts:
        yield '<table><colgroup><col class="fact"><col><col></colgroup><thead><tr><th scope="col">fact</th>'
        yield '<th scope="col">expected</th><th scope="col">actual</th></tr></thead><tbody>'
        for fact, expected, actual in facts:
            left, right = _values(expected, actual, whole=difference.change != "changed")
            more = f"<small>{milder[fact]}</small>" if fact in milder else ""
            yield f'<tr><th scope="row">{_text(fact)}{more}</th>{left}{right}</tr>'
        yield "</tbody></table>"
    yield "</article>"


def _values(expected: str | None, actual: str | None, *, whole: bool) -> tuple[str, str]:
    """Return both cells. Of a missing or extra thing nothing is marked: all of it differs."""
    if expected is None or actual is None:
        unset = "" if whole else f'<span class="line unset">{sides.ABSENT}</span>'
        cells = []
        for text, word in ((expected, "del"), (actual, "ins")):
            lines = unset if text is None else _plain(text, "" if whole else word)
            cells.append(f'<td class="value">{lines}</td>')
        return cells[0], cells[1]
    left, right = [], []
    for row in marking.rows(expected, actual):
        if row.skipped:
            told = f'<span class="line skipped">… {row.skipped} equal lines</span>'
            left.append(told)
            right.append(told)
        else:
            left.append(_line(row.left or (), "del"))
            right.append(_line(row.right or (), "ins"))
    return f'<td class="value">{"".join(left)}</td>', f'<td class="value">{"".join(right)}</td>'


def _plain(text: str, word: str) -> str:
    return "".join(_line((marking.Piece(line, bool(word)),), word) for line in text.split("\n"))


def _line(pieces: Iterable[marking.Piece], word: str) -> str:
    found = "".join(
        f"<{word}>{_text(piece.text)}</{word}>" if piece.differs and piece.text else _text(piece.text)
        for piece in pieces
    )
    return f'<span class="line">{found}</span>'


def _rules(result: report.Report) -> Iterator[str]:
    if not result.rules:
        return
    yield '<h2>Ignored by rule</h2><div class="scroll"><table class="list"><thead><tr>'
    yield "".join(f'<th scope="col">{name}</th>' for name in ("for", "reason", "until", "hid", "state"))
    yield "</tr></thead><tbody>"
    for use in result.rules:
        until = use.rule.until.isoformat() if use.rule.until else "–"
        cells = (use.subject, use.rule.reason, until, str(use.hid), use.state)
        yield f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"
    yield "</tbody></table></div>"


def _not_compared() -> Iterator[str]:
    yield '<h2>Not compared</h2><div class="scroll"><table class="list"><thead><tr><th scope="col">what</th>'
    yield '<th scope="col">why</th></tr></thead><tbody>'
    for row in snapshots.not_compared_in_full():
        yield f"<tr><td>{_text(row['what'])}</td><td>{_text(row['why'])}</td></tr>"
    yield "</tbody></table></div>"


def _text(text: str) -> str:
    return html.escape(text)


def _anchor(one: outcome.Outcome, schema: str | None = None) -> str:
    """Return a name for a part of the page: of any text, since the names of schemas may hold anything."""
    text = one.name if schema is None else f"{one.name} {schema}"
    return "t-" + "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}_" for c in text)
