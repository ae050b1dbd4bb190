"""`inv check`: every line of the checklist, asked and answered."""

import contextlib
import dataclasses
import time
from collections.abc import Sequence

from schemata import config, errors
from schemata.checklist import changed as changes
from schemata.checklist import lines, outcome
from schemata.config import values
from schemata.migrations import files
from schemata.report import document, junit_xml, progress


def check(
    settings: config.Config,
    *,
    only: str = "",
    changed: bool = False,
    again: bool = False,
    junit: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Checklist:
    """Return the answer to each line of the checklist, or to those that `only` names, separated by commas.

    With `changed` only where a migration is not as in the last commit, and lint judges only such files.
    What an attestation proves is not rehearsed, unless `again` is given. Works on temporary databases of its own and
    changes nothing. A line that fails does not end it; what a failed line would have made is not asked. With `junit`
    the answers are also written to that file, as JUnit XML.
    """
    steps = _chosen(only)
    answered: dict[str, outcome.Line] = {}
    with contextlib.ExitStack() as stack:
        unchanged = changed and not changes.migrations(settings)
        situation = lines.Situation(settings, reporter, stack, again=again, base="HEAD" if changed else "")
        for number, step in enumerate(steps):
            reporter.step(number, len(steps), step.title)
            began = time.monotonic()
            failed = answered.get(step.needs)
            if unchanged:
                answer = outcome.Answer("every migration is as in the last commit", asked=False)
            elif failed is not None and failed.answer.exit_code:
                answer = outcome.Answer(f"needs {step.needs}, which failed", asked=False)
            else:
                answer = _answer(step, situation)
            # Paths as people write them: the table has no room for whole ones.
            answer = dataclasses.replace(answer, text=answer.text.replace(f"{settings.root}/", ""))
            answered[step.name] = outcome.Line(step.name, step.title, answer, time.monotonic() - began)
    scope = f"{settings.name}: {document.number(len(situation.sources), 'migration')}"
    found = outcome.Checklist(tuple(answered.values()), scope)
    if junit:
        files.write_output(junit, junit_xml.document("check", [_case(line) for line in found.lines]), "--junit")
    return found


def _chosen(only: str) -> Sequence[lines.Step]:
    names: tuple[str, ...] = values.list_of(values.text_of)(only, "--only")
    known = {step.name: step for step in lines.STEPS}
    for name in names:
        if name not in known:
            raise errors.ConfigError(f"there is no check {name}", values.suggest(name, known))
    return [step for step in lines.STEPS if not names or step.name in names]


def _case(line: outcome.Line) -> junit_xml.Case:
    answer = line.answer
    problem, skipped = answer.text if answer.exit_code else "", "" if answer.asked else answer.text
    return junit_xml.Case("checklist", line.title, line.seconds, problem, skipped)


def _answer(step: lines.Step, situation: lines.Situation) -> outcome.Answer:
    try:
        return step.ask(situation)
    except errors.Error as error:
        first, *rest = error.message.splitlines()
        told = [*rest, *error.hint.splitlines()]
        return outcome.Answer(first, error.exit_code, tuple(document.Text(line) for line in told))
