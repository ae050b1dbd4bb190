"""SQL judged as a migration behind others, without files: for the tests of the rules."""

import datetime
from collections.abc import Mapping
from pathlib import Path

import schemata.lint
from schemata.lint import judging, model, sizes
from schemata.migrations import leading_comment, migration
from schemata.sql import statement

TODAY = datetime.date(2026, 1, 1)
EXAMPLES = Path(schemata.lint.__file__).parent / "examples"
PAGES = (("orders", ("app", "orders"), ("placed_at", "id"), "idx_orders_placed_at"),)


def script(sql: str, path: str, **facts: object) -> model.Script:
    """Return a file of the schema app."""
    directives = leading_comment.parse_directives(sql, path)
    try:
        statements = statement.split(sql)
    except statement.SyntaxProblem:
        statements = ()
    given = {"schema": "app", "in_project": True, "rollback_path": "there"} | facts
    return model.Script(
        path,
        sql,
        id=Path(path).stem,
        mode=directives.mode,
        directives=directives,
        statements=() if directives.outside else statements,
        **given,  # type: ignore[arg-type]
    )


def judge(
    sql: str,
    earlier: str = "",
    *,
    levels: Mapping[str, model.Severity] | None = None,
    today: datetime.date = TODAY,
    pages: bool = True,
    earlier_is_new: bool = False,
    between: str = "",
    known: sizes.Sizes | None = None,
    **facts: object,
) -> tuple[model.Finding, ...]:
    """Return the findings in a migration; what follows a line `-- rollback:` is its rollback."""
    text, has_rollback, undo = sql.partition("\n-- rollback:\n")
    path = "migrations/app/app.20250601000000.example.sql"
    remarks: dict[str, list[judging.Remark]] = {}
    try:
        statement.split(text)
        asked = script(text, path, **facts)
    except statement.SyntaxProblem as problem:
        asked = script(text, path, **facts)
        remarks[path] = [judging.Remark("syntax", 0, problem.message)]
    except migration.InvalidMigration as problem:
        asked = script("SELECT 1;", path, **facts)
        remarks[path] = [judging.Remark("migration-file", None, problem.message)]
    rollbacks = {}
    if has_rollback:
        rollbacks[path] = script(undo, path.replace(".sql", ".rollback.sql"), is_rollback=True)
    before = script(earlier, "migrations/app/app.20250101000000.earlier.sql", judged=False, is_new=earlier_is_new)
    second = script(between, "migrations/app/app.20250301000000.between.sql", judged=False)
    options = model.Options(
        levels=levels or {}, schemas=("app",), pages=PAGES if pages else (), sizes=known or sizes.Sizes()
    )
    if path not in remarks:
        remarks[path] = list(judging.refusals(asked))
    return judging.judge([before, second, asked], rollbacks, options, today, remarks).findings


def severities(findings: tuple[model.Finding, ...]) -> dict[str, str]:
    """Return the worst severity of each rule that found something."""
    ordered = sorted(findings, key=lambda one: model.LEVELS.index(one.severity))
    return {one.rule: one.severity for one in ordered}
