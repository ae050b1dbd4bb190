"""What squawk's rules mean here: a severity of our own for each, or why it is not asked.

Its set moves with every release: a rule that is not in this table is a warning.
"""

from __future__ import annotations

import functools

from schemata.lint import model

#: Rules that our own ones do not decide. `off` are those that squawk itself asks only on demand, and so do we:
#: a level in the settings turns one on.
SEVERITIES: dict[str, model.Severity] = {
    "ban-add-column": "off",
    "ban-add-composite-attribute": "off",
    "ban-alter-database-options": "off",
    "ban-alter-extension": "off",
    "ban-alter-function-options": "off",
    "ban-alter-generated-expression": "off",
    "ban-alter-identity": "note",
    "ban-alter-policy-condition": "off",
    "ban-alter-policy-roles": "off",
    "ban-alter-role-options": "off",
    "ban-alter-sequence-values": "off",
    "ban-alter-view-options": "off",
    "ban-create-domain-with-constraint": "note",
    "ban-create-policy": "off",
    "ban-detach-inheritance": "off",
    "ban-drop-default": "note",
    "ban-drop-policy": "off",
    "ban-duplicate-column-assignments": "error",
    "ban-new-write-restriction": "off",
    "ban-replica-identity": "off",
    "ban-set-default": "off",
    "identifier-too-long": "warning",
    "prefer-bigint-over-int": "note",
    "prefer-bigint-over-smallint": "note",
    "prefer-text-field": "note",
    "require-enum-value-ordering": "note",
}
#: What the engine itself takes care of.
NEEDLESS = {
    "prefer-robust-stmts": "a migration in a transaction leaves no half; the others have rules of our own",
    "require-lock-timeout": "the engine sets lock_timeout for each migration, and tries again",
    "require-statement-timeout": "the engine sets statement_timeout from the settings",
    "require-timeout-settings": "the engine sets both",
}
_UNKNOWN: model.Severity = "warning"


@functools.cache
def decided() -> dict[str, tuple[str, ...]]:
    """Return which of our rules decide what a rule of squawk's is about."""
    found: dict[str, tuple[str, ...]] = {}
    for rule in model.RULES.values():
        for name in rule.decides:
            found[name] = (*found.get(name, ()), rule.id)
    return found


def severity(name: str, levels: dict[str, model.Severity]) -> model.Severity:
    """Return how a finding of squawk's counts; `off` where one of ours decides, or the engine takes care.

    >>> severity("a-rule-of-next-year", {})
    'warning'
    """
    if name in levels:
        return levels[name]
    if name in NEEDLESS or name in decided():
        return "off"
    return SEVERITIES.get(name, _UNKNOWN)


def included(levels: dict[str, model.Severity]) -> list[str]:
    """Return the rules that squawk asks only on demand, and the settings demand."""
    return sorted(name for name, level in levels.items() if level != "off" and name not in model.RULES)
