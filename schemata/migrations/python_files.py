"""What a migration in Python says of itself, read from its text: it is never run to know its order or its steps.

The format is yoyo's: `from yoyo import step, group`, `__depends__`, `__transactional__`. Whatever decides about order
and execution must be written plainly, so that a status and a dry run of it can be told without running it.
"""

import ast
import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping

from schemata.migrations import leading_comment, migration

SUFFIX = ".py"

#: Whether a step that was interrupted may be run again from its beginning. The others are yoyo's own.
_IDEMPOTENT = "__idempotent__"
_NAMES = ("__depends__", "__transactional__", _IDEMPOTENT)
_COMMENT = re.compile(r"[ \t]*#")
_DEPENDS_HINT = '__depends__ = {"schema.20250101000000.name"}'


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One direction of a step: SQL, or the name of what is called. `line` is where the SQL or the name stands."""

    line: int
    sql: str | None
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A call of `step(...)`, in the order of the file."""

    line: int
    apply: Part
    rollback: Part | None
    ignores: str = ""

    def part(self, *, rollback: bool) -> Part | None:
        """Return what this step does in a direction."""
        return self.rollback if rollback else self.apply


def is_python(path: str) -> bool:
    """Tell whether a file is a migration in Python, by its name.

    >>> is_python("app.20250101000000.fill.py"), is_python("app.20250101000000.fill.sql")
    (True, False)
    """
    return path.endswith(SUFFIX)


def parse_directives(text: str, path: str) -> migration.Directives:
    """Return what a file says to the engine, from `__depends__` and the like and from its leading comment.

    Raises InvalidMigration for what cannot be known without running the file.
    """
    tree = _tree(text, path)
    said = leading_comment.parse_directives(_leading_comment(text), path)
    for word in ("depends", "mode"):
        if getattr(said, word) != getattr(migration.Directives(), word):
            raise migration.InvalidMigration(
                path,
                0,
                f"a comment says `{word}:`, which yoyo does not read in a migration in Python",
                f"Write {_DEPENDS_HINT if word == 'depends' else '__transactional__ = False'} instead.",
            )
    found = _assigned(tree, path)
    if not _steps(tree):
        raise migration.InvalidMigration(
            path,
            0,
            "it calls step() nowhere, so it would be recorded as applied without doing anything",
            "Begin with `from yoyo import step`, and write step(apply, rollback) for each thing to be done.",
        )
    mode = "transaction" if found.transactional else "statements"
    title = (ast.get_docstring(tree) or "").strip().partition("\n")[0] or said.title
    return dataclasses.replace(said, title=title, depends=found.depends, mode=mode)


def steps(text: str, path: str) -> tuple[Step, ...]:
    """Return the steps that a file calls for, as they stand in its text."""
    return _steps(_tree(text, path))


def is_idempotent(text: str, path: str) -> bool:
    """Tell whether the file says that a step which was interrupted may be run again from its beginning."""
    return _assigned(_tree(text, path), path).idempotent


def without_rollback(text: str, path: str) -> Step | None:
    """Return the first step that has no rollback; None where each has one, if only an empty one."""
    return next((step for step in steps(text, path) if step.rollback is None), None)


def placed(part: Part) -> str:
    """Return the SQL of a step with as many line ends before it as the file has: what is told of it has its line."""
    return "\n" * (part.line - 1) + (part.sql or "")


def shown(item: migration.Migration, *, rollback: bool = False) -> str:
    """Return what a dry run shows: the SQL of each step, and the names of what is called."""
    found = list(steps(item.sql, item.path))
    if rollback:
        found.reverse()
    lines = []
    for number, step in enumerate(found, start=1):
        part = step.part(rollback=rollback)
        if part is None or part.sql == "":
            lines.append(f"-- step {number}, line {step.line}: nothing")
        elif part.sql is None:
            lines.append(f"-- step {number}, line {step.line}: calls {part.name}")
        else:
            lines += [f"-- step {number}, line {step.line}: SQL", part.sql.strip("\n")]
        if step.ignores:
            lines.append(f"-- an error of it is ignored (ignore_errors={step.ignores})")
    return "\n".join(lines) + "\n"


def same_meaning(one: str, other: str) -> bool:
    """Tell whether two texts are the same program, but for comments and layout.

    >>> same_meaning("a = 1  # one", "a = 1"), same_meaning("a = 1", "a = 2")
    (True, False)
    """
    try:
        return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    except (SyntaxError, ValueError):
        return False


def with_depends(text: str, names: Mapping[str, str], needs: Iterable[str] = ()) -> str:
    """Return the text of a file with other names in its `__depends__`, and these besides.

    >>> with_depends('__depends__ = {"a", "b"}\\n', {"a": "c"})
    '__depends__ = {"c", "b"}\\n'
    """
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and _name(node) == "__depends__":
            found = dict.fromkeys([*(names.get(need, need) for need in _texts(node.value)), *needs])
            written = ", ".join(f'"{need}"' for need in found)
            start = _offset(text, node.value.lineno, node.value.col_offset)
            end = _offset(text, node.value.end_lineno or 0, node.value.end_col_offset or 0)
            return f"{text[:start]}{{{written}}}{text[end:]}"
    return text


def _tree(text: str, path: str) -> ast.Module:
    try:
        return ast.parse(text, path)
    except SyntaxError as error:
        raise migration.InvalidMigration(
            f"{path}:{error.lineno or 1}:{error.offset or 1}",
            0,
            f"it is not valid Python: {error.msg}",
            "Correct the file; no Python would load it.",
        ) from error


def _leading_comment(text: str) -> str:
    """Return the comment lines at the top as those of an SQL file, so that the same rules hold for both."""
    lines = []
    for line in text.split("\n"):
        if line.strip() and not _COMMENT.match(line):
            break
        lines.append(f"--{line.strip().lstrip('#')}" if line.strip() else "")
    return "\n".join(lines)


@dataclasses.dataclass(frozen=True, slots=True)
class _Assigned:
    """What the names say that decide about order and execution."""

    depends: tuple[str, ...] = ()
    transactional: bool = True
    idempotent: bool = False


def _assigned(tree: ast.Module, path: str) -> _Assigned:
    values: dict[str, ast.expr | None] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) or (name := _name(node)) not in _NAMES:
            continue
        if node not in tree.body or isinstance(node, ast.AugAssign) or name in values:
            raise _not_plain(path, node.lineno, name)
        values[name] = node.value
    return _Assigned(
        tuple(_depends(values["__depends__"], path)) if "__depends__" in values else (),
        _truth(values, "__transactional__", True, path),
        _truth(values, _IDEMPOTENT, False, path),
    )


def _truth(values: Mapping[str, ast.expr | None], name: str, otherwise: bool, path: str) -> bool:
    value = values.get(name)
    if name not in values:
        return otherwise
    if isinstance(value, ast.Constant) and isinstance(value.value, bool):
        return value.value
    raise _not_plain(path, value.lineno if value is not None else 0, name)


def _not_plain(path: str, line: int, name: str) -> migration.InvalidMigration:
    value = "the ids themselves" if name == "__depends__" else "True or False"
    return migration.InvalidMigration(
        path,
        line,
        f"{name} cannot be told from the text, and a migration is not run to know its place in the order",
        f"Assign it once, at the top of the file, {value}: "
        + (_DEPENDS_HINT if name == "__depends__" else f"{name} = {name == _IDEMPOTENT}"),
    )


def _name(node: ast.stmt) -> str:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target: ast.expr = node.targets[0]
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        target = node.target
    else:
        return ""
    return target.id if isinstance(target, ast.Name) else ""


def _depends(value: ast.expr | None, path: str) -> list[str]:
    if isinstance(value, ast.Call) and ast.unparse(value) in ("set()", "tuple()", "list()"):
        return []
    if isinstance(value, ast.Dict) and not value.keys:  # yoyo takes an empty {} too
        return []
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value]
    found = list(_texts(value))
    if not isinstance(value, ast.Set | ast.Tuple | ast.List) or len(found) != len(value.elts):
        raise _not_plain(path, value.lineno if value is not None else 0, "__depends__")
    return found


def _texts(value: ast.expr | None) -> Iterator[str]:
    elements = value.elts if isinstance(value, ast.Set | ast.Tuple | ast.List) else [value]
    for element in elements:
        if isinstance(element, ast.Constant) and isinstance(element.value, str):
            yield element.value


def _steps(tree: ast.Module) -> tuple[Step, ...]:
    called = {"step", "yoyo.step"}  # yoyo gives a file that name, whether it imports it or not
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "yoyo":
            called |= {alias.asname or alias.name for alias in node.names if alias.name == "step"}
    texts = {
        _name(node): node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) in called]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return tuple(found for call in calls if (found := _step(call, texts)))


def _step(call: ast.Call, texts: Mapping[str, ast.expr]) -> Step | None:
    given = dict(zip(("apply", "rollback", "ignore_errors"), call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    apply = _part(given["apply"], texts) if "apply" in given else None
    rollback = _part(given["rollback"], texts) if "rollback" in given else None
    ignored = given.get("ignore_errors")
    ignores = "" if ignored is None or ast.unparse(ignored) == "None" else ast.unparse(ignored).strip("'")
    return Step(call.lineno, apply or Part(call.lineno, ""), rollback, ignores)


def _part(value: ast.expr, texts: Mapping[str, ast.expr]) -> Part | None:
    if isinstance(value, ast.Name):
        value = texts.get(value.id, value)
    if isinstance(value, ast.Constant) and value.value is None:
        return None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return Part(value.lineno, value.value)
    text = ast.unparse(value).replace("\n", " ")
    name = text if len(text) <= 60 else text[:59] + "…"
    return Part(value.lineno, None, f"{name}()" if isinstance(value, ast.Name) else name)


def _offset(text: str, line: int, column: int) -> int:
    """Return where a place of the parser's is: its columns count the bytes of UTF-8."""
    lines = text.split("\n")
    return sum(len(one) + 1 for one in lines[: line - 1]) + len(lines[line - 1].encode()[:column].decode())
