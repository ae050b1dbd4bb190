"""One word, one meaning: the field's terms in public names, plain technical English in every text."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

CODE = sorted([*(REPOSITORY / "schemata").rglob("*.py"), *(REPOSITORY / "services").rglob("*.py")])
SQL = sorted((REPOSITORY / "schemata").rglob("*.sql"))
PROSE = [
    *(REPOSITORY / name for name in ("README.md", "DEVELOPERS.md", "CONTRIBUTING.md", "compose.yaml")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "deploy").rglob("*.yaml")),
    *(REPOSITORY / "scripts" / name for name in ("onboard", "test", "venv")),
]

#: A word that is not to be in a name, and what is written instead.
NAMES = {
    "afresh": "again", "anew": "again", "arrival": "connect", "asking": "query_client", "birth": "start_time",
    "door": "entrypoint, connector", "doubt": "indeterminate", "elsewhere": "location", "eyes": "monitor",
    "gate": "queue", "heal": "repair", "heals": "repairs", "home": "state_dir", "homes": "state_directory",
    "journal": "log", "lookfirst": "up_to_date", "mend": "fix", "promise": "expected", "promises": "expected",
    "rests": "retry_delays", "said": "message, output, actual", "say": "info, log", "spare": "prebuilt",
    "spares": "prebuilt", "speak": "reporter", "stamped": "stamp", "stepwise": "nontransactional",
    "supervised": "managed", "throwaway": "temporary", "utils": "the name of what it does", "voice": "reporter",
    "watch": "monitor",
}  # fmt: skip

#: A word that is not to be the whole name of a class, a parameter or a field; `DatabaseNotFound` may have it.
ALONE = {"found": "what it is: actual, programs, sources, match", "true": "expected, actual"}

#: A flag that people know from other programs, which is a parameter of its task.
FLAGS = {"schemata/tasks/structure.py": {"watch"}, "schemata/tasks/performance.py": {"watch"}}

#: What is not to be in a text (comment, docstring, message, document), and what is written instead.
TEXTS = {
    r"mend(s|ed|ing)?": "fix, repair",
    r"heal(s|ed|ing)?": "repair",
    r"(look|looks|looked)[ -]first": "the up-to-date check",
    r"anew|afresh": "again",
    r"whoever": "anyone who",
    r"thereby": "so",
    r"throw-?away": "temporary",
    r"in doubt": "indeterminate",
    r"light (door|path)": "fast path",
    r"(pair of )?eyes": "monitor",
    r"(through|behind|at|pass(es|ed)?) (the|our) gate": "boot queue",
    r"(a|the|one|no|next) spares?(?! room)": "prebuilt data directory",
    r"supervis(ed|ion)": "managed, watched",
    r"stepwise": "non-transactional",
    r"ours to (install|stop|ask)": "what is so",
}
FORBIDDEN = {re.compile(rf"(?<![\w`-])(?:{pattern})(?![\w`])", re.IGNORECASE): use for pattern, use in TEXTS.items()}


def words(name: str) -> list[str]:
    """Return the words of an identifier.

    >>> words("_dataDirectory_of2")
    ['data', 'directory', 'of']
    """
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def public_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Give every name that others see: of classes, functions, parameters, fields and constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node.lineno
            if not isinstance(node, ast.ClassDef):
                given = node.args
                for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs):
                    yield argument.arg, argument.lineno
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
                    yield inner.target.id, inner.lineno
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and not target.id.startswith("_"):
                    yield target.id, target.lineno


def texts(path: Path) -> Iterator[tuple[str, int]]:
    """Give every comment and every string of a Python file; every line of another one."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from ((line, number) for number, line in enumerate(source.splitlines(), start=1))
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING) or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            yield token.string, token.start[0]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_public_name_is_a_term_of_the_field(path: Path) -> None:
    """No module, class, function, parameter or field is called by a word of the list."""
    flags = FLAGS.get(str(path.relative_to(REPOSITORY)), set())
    found = [*public_names(ast.parse(path.read_text(encoding="utf-8"))), (path.stem, 0)]
    found = [(name, line) for name, line in found if name not in flags]
    wrong = {f"{name} (line {line})": NAMES[word] for name, line in found for word in words(name) if word in NAMES}
    wrong |= {f"{name} (line {line})": ALONE[name.lower()] for name, line in found if name.lower() in ALONE}
    assert not wrong


@pytest.mark.parametrize("path", [*CODE, *SQL, *PROSE], ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_text_is_plain(path: Path) -> None:
    """No comment, docstring, message or document has a phrase of the list."""
    wrong = [
        f"line {line}: {match[0]!r}; write: {use}"
        for text, line in texts(path)
        for pattern, use in FORBIDDEN.items()
        for match in pattern.finditer(text)
    ]
    assert not wrong


@pytest.mark.parametrize(
    "phrase", ["Mend the file", "it heals itself", "start anew", "behind the gate", "a spare is used"]
)
def test_the_list_notices(phrase: str) -> None:
    """A phrase of the old vocabulary is found wherever it stands."""
    assert any(pattern.search(f"Now {phrase}.") for pattern in FORBIDDEN)


def test_no_name_hides_in_another() -> None:
    """Words are told apart in every style of writing, and a longer word is not taken for a shorter one."""
    assert words("state_dir") == ["state", "dir"]
    assert words("BootQueue") == ["boot", "queue"]
    assert "gate" not in words("aggregate_of")
