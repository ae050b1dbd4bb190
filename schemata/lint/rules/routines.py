"""Functions and blocks: their bodies are read where the text says what they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemata.lint import model
from schemata.lint.structure import locks, tree
from schemata.sql import parser


@model.rule(
    "function-body",
    "error",
    "create_function_stmt",
    "do_stmt",
    condition="A body in plpgsql or SQL that the grammar refuses.",
    effect="Every server refuses it; with check_function_bodies = off only when it is called.",
    workaround="Correct the line.",
    group="routines",
)
def _body(place: model.Place) -> Iterator[model.Hit]:
    language, text = tree.body_of(place.node)
    if not text.strip():
        return
    if language == "plpgsql":
        body = tree.plpgsql(place.item.text)
        if body.problem:
            yield model.Hit(f"Line {body.line} of the body: {body.problem}.", at=_line_of(place, text, body.line))
    elif language == "sql":
        try:
            parser.parse(text)
        except parser.Refused as problem:
            line = text.count("\n", 0, problem.position - 1) + 1
            yield model.Hit(f"Line {line} of the body: {problem.message}.", at=_line_of(place, text, line))


def _line_of(place: model.Place, body: str, line: int) -> int | None:
    """Return where a line of a body stands in the file; None where the body is not written as it is."""
    start = place.script.sql.find(body, place.item.offset, place.item.end)
    if place.is_body or start < 0:
        return None
    for _ in range(line - 1):
        start = body_end = place.script.sql.find("\n", start) + 1
        if not body_end:
            return None
    rest = place.script.sql[start:]
    return start + len(rest) - len(rest.lstrip(" \t"))


@model.rule(
    "opaque-sql",
    "warning",
    "do_stmt",
    "call_stmt",
    "execute_stmt",
    condition="DO with statements that are put together when it runs, or in another language than plpgsql; CALL; "
    "EXECUTE. "
    "What a DO block says plainly is judged like the statements of the file.",
    effect="Nobody can tell from the text what it locks, writes or removes.",
    workaround="Write the statements out; the rehearsal traces what it does.",
    group="routines",
)
def _opaque(place: model.Place) -> Iterator[model.Hit]:
    if place.kind == "call_stmt":
        call = tree.strings(place.stmt.funccall.funcname)
        yield model.Hit(f"What {'.'.join(call)} locks, writes or removes is not in this file.")
    elif place.kind == "execute_stmt":
        yield model.Hit("What is prepared elsewhere is not in this file.")
    elif place.kind == "do_stmt":
        language, _ = tree.body_of(place.node)
        if language != "plpgsql":
            yield model.Hit(f"What a block in {language} locks, writes or removes cannot be told from its text.")
            return
        body = tree.plpgsql(place.item.text)
        if body.dynamic:
            lines = ", ".join(map(str, sorted(set(body.dynamic))))
            yield model.Hit(f"Line {lines} of the block runs a statement that is put together when it runs.")
        elif not body.statements and not body.problem and _does_something(place):
            yield model.Hit("What the block locks, writes or removes cannot be told from its text.", level="note")


def _does_something(place: model.Place) -> bool:
    _, text = tree.body_of(place.node)
    try:
        words = {word.lower() for word in parser.words(text)}
    except parser.Refused:
        return True
    return bool(
        words & {"create", "alter", "drop", "update", "delete", "insert", "truncate", "execute", "call", "perform"}
    )


@model.rule(
    "security-definer",
    "error",
    "create_function_stmt",
    condition="SECURITY DEFINER without SET search_path.",
    effect="Its caller chooses what the unqualified names in it mean, and has them run with the owner's rights.",
    workaround="SET search_path = '' (or pg_catalog, pg_temp), and qualified names in the body.",
    group="routines",
)
def _definer(place: model.Place) -> Iterator[model.Hit]:
    options = place.stmt.options
    security = tree.option(options, "security")
    if security is None or not security.boolean.boolval:
        return
    changes = [item.def_elem.arg.variable_set_stmt.name for item in options if item.def_elem.defname == "set"]
    if "search_path" not in changes:
        name = locks.shown(tree.qualified(tree.strings(place.stmt.funcname), place.schema))
        yield model.Hit(
            f"Anyone who may call {name} chooses what the names in it mean, and has them run with its owner's rights.",
            f"ALTER FUNCTION {name} SET search_path = '';",
        )


@model.rule(
    "replace-changes-result",
    "note",
    "create_function_stmt",
    "view_stmt",
    condition="CREATE OR REPLACE of a view or a function that existed before the migration.",
    effect="A release that still runs gets the new answer at once; other columns, arguments or results are refused.",
    workaround="Make a second one with a number in its name where the answer changes.",
    group="routines",
    decides=("ban-replace-view-function",),
)
def _replaced(place: model.Place) -> Iterator[model.Hit]:
    if not place.stmt.replace:
        return
    kind, name = _made(place)
    made_in = place.catalog.made_in(kind, name)
    if made_in and not place.is_own(made_in):
        yield model.Hit(f"A release that runs gets the new {kind} {locks.shown(name)} at once.")


def _made(place: model.Place) -> tuple[str, Any]:
    if place.kind == "view_stmt":
        return "view", place.name(place.stmt.view)
    return "function", tree.qualified(tree.strings(place.stmt.funcname), place.schema)


@model.rule(
    "password-in-file",
    "error",
    "create_role_stmt",
    "alter_role_stmt",
    condition="CREATE ROLE or ALTER ROLE with a password.",
    effect="The password stands in version control, in the history and in the server's log.",
    workaround="Give the role its password where it is set up: \\password of psql, or a secret store.",
    group="routines",
)
def _password(place: model.Place) -> Iterator[model.Hit]:
    word = tree.option(place.stmt.options, "password")
    if word is not None and word.HasField("string") and not word.string.sval.startswith(("SCRAM-SHA-256$", "md5")):
        yield model.Hit(
            "The password stands in version control, in the history of the migrations and in the server's log."
        )


@model.rule(
    "event-trigger",
    "warning",
    "create_event_trig_stmt",
    condition="CREATE EVENT TRIGGER.",
    effect="It runs at every DDL statement of the whole database, also of other tools; where its function fails, "
    "nobody can change anything, this engine included.",
    workaround="Where the server is set up, not in a migration; a function that never raises.",
    group="routines",
)
def _event_trigger(place: model.Place) -> Iterator[model.Hit]:
    yield model.Hit(f"{place.stmt.trigname} runs at each {place.stmt.eventname} of the whole database from here on.")
