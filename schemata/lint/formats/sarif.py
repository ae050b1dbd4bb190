"""Findings as SARIF 2.1.0, which code scanning and editors read."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import schemata
from schemata.lint import model

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "note": "note"}


def text(findings: Sequence[model.Finding], allowed: Sequence[model.Finding]) -> str:
    """Return the log as JSON."""
    return json.dumps(log(findings, allowed), indent=2, ensure_ascii=False)


def log(findings: Sequence[model.Finding], allowed: Sequence[model.Finding]) -> dict[str, Any]:
    """Return the log: the rules that found something, the findings, and those that a comment allows."""
    ids = list(dict.fromkeys(finding.rule for finding in (*findings, *allowed)))
    results = [_result(finding, ids) for finding in findings]
    results += [
        {**_result(finding, ids), "suppressions": [{"kind": "inSource", "justification": finding.reason}]}
        for finding in allowed
    ]
    driver = {"name": "schemata-lint", "semanticVersion": schemata.__version__, "rules": [_rule(id_) for id_ in ids]}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def _rule(id_: str) -> dict[str, Any]:
    rule = model.RULES.get(id_)
    if rule is None:
        return {"id": id_, "shortDescription": {"text": f"squawk: {id_}"}}
    level = _LEVELS.get(rule.severity, "none")
    return {
        "id": id_,
        "shortDescription": {"text": rule.condition},
        "fullDescription": {"text": rule.effect},
        "help": {"text": rule.workaround},
        "defaultConfiguration": {"level": level},
    }


def _result(finding: model.Finding, ids: Sequence[str]) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": finding.path, "uriBaseId": "%SRCROOT%"}}
    if finding.line:
        place["region"] = {"startLine": finding.line, "startColumn": max(1, finding.column)}
        if finding.statement:
            place["region"]["snippet"] = {"text": finding.statement}
    told = "\n".join(filter(None, [finding.text, finding.remedy, finding.sql]))
    return {
        "ruleId": finding.rule,
        "ruleIndex": ids.index(finding.rule),
        "level": _LEVELS[finding.severity],
        "message": {"text": told},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {
            "statement/v1": _fingerprint([finding.rule, finding.path, finding.statement, finding.text])
        },
    }


def _fingerprint(parts: Iterable[str]) -> str:
    """Return what stays the same when lines are added above a finding."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
