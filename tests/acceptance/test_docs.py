"""The documents hold: every block in them runs, every command, flag, setting, error and finding is there and exists.

How a document is read. `console` blocks run in order, in a scratch copy of the platform: each `$ ` line is a command
that must succeed, the lines below it are in its output (`…` stands for anything). `sql`, `toml`, `python`, `json`,
`yaml`, `sh` and `dockerfile` blocks are checked as what they are. A comment before a block says what else it is for:
`<!-- append: GLOB -->` and `<!-- write: PATH -->` put it into a file, `<!-- project: NAME -->` leaves the platform for
an empty folder of that name.
"""

import ast
import dataclasses
import importlib.machinery
import importlib.util
import json
import os
import pkgutil
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke import collection
from invoke.parser import argument

import schemata
from schemata import boot, config, errors
from schemata.config import declared, seeding
from schemata.migrations import leading_comment, precheck
from schemata.remedies import table
from schemata.server.embedded import instance
from schemata.services import manage
from schemata.snapshot import kinds
from tests import ports
from tests.conftest import REPOSITORY, Project

DOCUMENTS = sorted(
    path.relative_to(REPOSITORY).as_posix() for path in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]
)
# These start from nothing, take a minute and run this very file: tests/acceptance/test_scripts.py runs them.
ELSEWHERE = ("./scripts/onboard", "./scripts/test")

# Those of the last line are for the reader only.
LANGUAGES = (
    "console", "sql", "toml", "python", "dockerfile", "json", "yaml", "sh",
    "text", "http", "mermaid",
)  # fmt: skip

_PIECE = re.compile(r"<!-- (?P<word>\w+): (?P<value>.*?) -->|^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclasses.dataclass(frozen=True)
class Block:
    """One fenced block and what the comments before it say."""

    language: str
    text: str
    notes: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Command:
    """One command of a console block and the lines that its output must have."""

    text: str
    expected: tuple[str, ...]


def blocks(document: str) -> Iterator[Block]:
    """Yield the blocks of a document."""
    notes: dict[str, str] = {}
    for piece in _PIECE.finditer((REPOSITORY / document).read_text(encoding="utf-8")):
        if piece["word"]:
            notes[piece["word"]] = piece["value"]
        else:
            yield Block(piece["language"], piece["text"], notes)
            notes = {}


def commands(text: str) -> Iterator[Command]:
    """Yield the commands of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        first, *rest = part.rstrip("\n").split("\n")
        yield Command(first, tuple(rest))


def run(project: Project, block: Block) -> None:
    """Run a console block in one shell, so that an `export` lasts to its end."""
    chosen = [command for command in commands(block.text) if command.text not in ELSEWHERE]
    outputs = project.root / ".outputs"
    shutil.rmtree(outputs, ignore_errors=True)
    outputs.mkdir()
    script = "".join(
        f"{{ {command.text}\n}} > .outputs/{number}.txt 2>&1; echo $? > .outputs/{number}.code\n"
        for number, command in enumerate(chosen)
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = project.run(["bash", "-c", script], PATH=path)
    assert done.returncode == 0, done.stderr
    for number, command in enumerate(chosen):
        output = (outputs / f"{number}.txt").read_text(encoding="utf-8")
        assert (outputs / f"{number}.code").read_text().strip() == "0", f"$ {command.text}\n{output}"
        for line in command.expected:
            wanted = ".*".join(re.escape(piece) for piece in re.split(r"\s*…\s*", line.strip()))
            assert re.search(wanted, output), f"$ {command.text}\nhas no line {line!r}:\n{output}"


def used(project: Project, block: Block) -> None:
    """Put a block where its comment says, and check it as what it is."""
    if "append" in block.notes:
        (path,) = (
            found
            for found in project.root.glob(block.notes["append"])
            if found.name.endswith(".rollback.sql") == block.notes["append"].endswith(".rollback.sql")
        )
        path.write_text(path.read_text(encoding="utf-8") + block.text, encoding="utf-8")
    if "write" in block.notes:
        # A name with a time in it was made by the command before.
        path = next(project.root.glob(block.notes["write"]), project.root / block.notes["write"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    match block.language:
        case "sql":
            directives = leading_comment.parse_directives(block.text, "block")
            assert precheck.check_script("block", block.text, mode=directives.mode)
        case "toml":
            assert config.parse(tomllib.loads(block.text)["tool"]["schemata"], project.root, {})
        case "python":
            compile(block.text, "block", "exec")
        case "json":
            json.loads(block.text)
        case "yaml":
            assert list(yaml.safe_load_all(block.text))
        case "sh":
            checked = project.run(["bash", "-n", "-c", block.text])
            assert checked.returncode == 0, checked.stderr
        case "dockerfile":
            words = [word for line in block.text.splitlines() for word in json.loads(line.partition(" ")[2])]
            assert words[:3] == ["python", "-m", "schemata.boot"]
            assert boot.parse(words[3:]).command


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Project]:
    """Give a copy of the platform without a server, and leave no server behind."""
    project = Project(tmp_path / "platform")
    project.root.mkdir()
    shutil.copytree(REPOSITORY / "migrations", project.root / "migrations", ignore=shutil.ignore_patterns("manifest"))
    (project.root / "docs").mkdir()
    shutil.copy(REPOSITORY / "docs" / "schema.md", project.root / "docs" / "schema.md")
    shutil.copytree(REPOSITORY / "services", project.root / "services", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "tasks.py"):
        shutil.copy(REPOSITORY / name, project.root / name)
    # Beside a developer's own system and other tests.
    names = [item.name for item in config.load(REPOSITORY, {}).services]
    for name, port in zip(names, ports.free_ports(len(names)), strict=True):
        project.environment[manage.variable(name)] = str(port)
    yield project
    for home in tmp_path.glob("*/.schemata"):
        manage.clean(config.load(home.parent, {}))
        instance.remove(home)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_of_a_document_runs(document: str, scratch: Project) -> None:
    """What a reader copies from a document works, in the order in which it stands there."""
    project = scratch
    for block in blocks(document):
        assert block.language in LANGUAGES, block
        if "project" in block.notes:
            project = Project(scratch.root.with_name(block.notes["project"]))
            project.root.mkdir()
        if block.language == "console":
            run(project, block)
        else:
            used(project, block)


def _rows(document: str) -> Iterator[list[str]]:
    """Yield the cells of the tables of a document."""
    for line in (REPOSITORY / document).read_text(encoding="utf-8").splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def _loaded(spec: importlib.machinery.ModuleSpec | None) -> Any:
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _own() -> collection.Collection:
    """Return this repository's commands: the engine's and its own."""
    return _loaded(importlib.util.spec_from_file_location("repository_tasks", REPOSITORY / "tasks.py")).ns


NAMES = sorted(_own().task_names)


def _help(name: str) -> str:
    return str(_own()[name].__doc__).strip().partition("\n")[0]


def test_the_readme_lists_the_commands_as_invoke_does() -> None:
    """Each command stands in the README with its own help line, in the order of `inv --list`."""
    listed = [(row[0].strip("` "), row[1]) for row in _rows("README.md") if row[0].startswith("`inv ")]
    assert listed == [(f"inv {name}", _help(name)) for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_flag_has_help(name: str) -> None:
    """The help line fits on one line of `inv --list`, and each flag says what it is for."""
    assert 10 < len(_help(name)) < 62
    for one in _arguments(name):
        assert one.help, one.name


def test_a_command_tells_its_help_as_often_as_it_is_asked() -> None:
    """Invoke's own task gives the texts of its flags away with the first answer."""
    first, second = ([one.help for one in _arguments("migrate")] for _ in range(2))
    assert all(first)
    assert second == first


def _arguments(name: str) -> list[argument.Argument]:
    return list(_own()[name].get_arguments())


def _flags(name: str) -> set[str]:
    names = [one.name.strip("_").replace("_", "-") for one in _arguments(name)]
    return {*(f"--{one}" for one in names), "--help"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documented_commands_and_flags_exist(document: str) -> None:
    """A document names no command and no flag that is not there."""
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    names = set(NAMES)
    every = set().union(*map(_flags, names)) | {"--list", "--wait-only", "--until", "--server"}
    for found in re.finditer(r"\binv ([a-z]+(?:-[a-z]+)*)((?: [^`\n;|)]*)?)", text):
        if found[1] in names:
            for flag in re.findall(r"(?<!\S)--[a-z-]+", found[2]):
                assert flag in _flags(found[1]), found[0]
        else:
            assert found[1] in _NOT_COMMANDS, found[0]
    for flag in re.findall(r"`(--[a-z-]+)(?: [A-Za-z0-9]+)?`", text):
        assert flag in every | _OTHER_FLAGS, flag


_NOT_COMMANDS: tuple[str, ...] = ()
_OTHER_FLAGS = {"--postgres", "--strict", "--group", "--dist"}  # of pytest, scripts/unrun.py and pip


def _settings(kind: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(kind):
        if field.name == "pages":
            yield from _settings(config.Page, "pages.")
        elif field.name == "services":
            yield from _settings(config.Service, "services.")
        elif field.name == "targets":
            yield from _settings(declared.Target, "targets.")
        elif field.name == "tables":
            yield from _settings(seeding.Table, "seed.table.")
        elif field.name == "ignore":
            yield from _settings(declared.Ignore, "ignore.")
        elif dataclasses.is_dataclass(field.default):
            yield from _settings(type(field.default), f"{field.name}.")
        elif field.name != "root":
            made = field.default_factory() if callable(field.default_factory) else field.default
            yield f"{prefix}{field.name}", made


def test_the_guide_lists_every_setting_with_its_default() -> None:
    """The settings' table has each key of the configuration, and the default that the code has."""
    rows = {row[0].strip("`"): row[1] for row in _rows("docs/database-migrations.md") if len(row) == 3}
    known = dict(_settings(config.Config))
    assert known.keys() <= rows.keys()
    for key, default in known.items():
        if rows[key].startswith("`"):
            said = tomllib.loads(f"it = {rows[key].strip('`')}")["it"]
            assert said == (
                list(default) if isinstance(default, tuple) else str(default) if key == "migrations" else default
            ), key
    documented = {key for key in rows if re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", key)}
    assert documented - known.keys() <= set(_TABLES)


# First cells of the guide's other tables.
_TABLES = ("key", "text", "table", "schema", "directive", "public", "financial", "tagging", "trading")
_TABLES += ("clients", "accounts", "invoices", "transactions")


def test_the_guide_lists_every_environment_variable() -> None:
    """Each variable that the code reads by its name is in the guide."""
    read = set()
    for path in (REPOSITORY / "schemata").rglob("*.py"):
        read |= set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', path.read_text(encoding="utf-8")))
    text = (REPOSITORY / "docs/database-migrations.md").read_text(encoding="utf-8")
    not_ours = {"SUDO_UID", "TERM", "XDG_CACHE_HOME", "PGDATABASE", "PYTHONPATH"}
    of_settings = {f"SCHEMATA_{key.upper().replace('.', '_')}" for key, _ in _settings(config.Config)}
    assert [name for name in sorted(read - not_ours - of_settings) if f"`{name}`" not in text] == []


def _error_classes() -> set[type[errors.Error]]:
    for module in pkgutil.walk_packages(schemata.__path__, "schemata."):
        importlib.import_module(module.name)
    found: set[type[errors.Error]] = {errors.Error}
    waiting = [errors.Error]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            if kind.__module__.startswith("schemata.") and kind not in found:
                found.add(kind)
                waiting.append(kind)
    return found


def _sections() -> dict[str, str]:
    text = (REPOSITORY / "docs/troubleshooting.md").read_text(encoding="utf-8")
    parts = re.split(r"^## ([\d, ]+):.*$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_troubleshooting_lists_every_error_under_its_exit_code() -> None:
    """Each error class has a row with cause and remedy, in the section of its exit code, and no row is stale."""
    wanted = set()
    for kind in _error_classes():
        code = errors.INTERRUPTED if kind is errors.Interrupted else kind.exit_code  # the signal decides
        section = next(codes for codes in _sections() if str(code) in codes.split(", "))
        wanted.add((section, kind.__name__))
    listed = set()
    for section, text in _sections().items():
        for name, cause, remedy in re.findall(r"^\| `([A-Z]\w+)` \| (.+?) \| (.+?) \|$", text, flags=re.M):
            assert len(cause) > 10, name
            assert len(remedy) > 5, name
            listed.add((section, name))
    assert listed == wanted


def test_troubleshooting_lists_every_finding() -> None:
    """Each finding of a status has a row, and no row is stale."""
    codes = {
        node.args[0].value
        for path in (REPOSITORY / "schemata").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and node.args
        if getattr(node.func, "id", "") == "Finding" or getattr(node.func, "attr", "") == "Finding"
        if isinstance(node.args[0], ast.Constant)
    }
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", _sections()["1"], flags=re.M))
    assert listed == codes


def test_troubleshooting_lists_every_sqlstate_that_has_a_remedy() -> None:
    """Each SQLSTATE of the table of remedies is documented, and no other is."""
    rows = [row for row in _rows("docs/troubleshooting.md") if re.fullmatch(r"[0-9A-Z]{5}(, [0-9A-Z]{5})*", row[0])]
    assert {code for row in rows for code in row[0].split(", ")} == {row.sqlstate for row in table.ROWS}


def test_what_is_not_compared_is_documented() -> None:
    """The document of parity has each row that every report has, with its reason, and no other."""
    rows = list(_rows("docs/parity.md"))
    start = next(number for number, row in enumerate(rows) if row[0] == "not compared")
    assert [tuple(row) for row in rows[start + 1 :]] == list(kinds.NOT_COMPARED)


def test_the_readme_lists_every_exit_code() -> None:
    """The exit codes in the README are those of the code."""
    known = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}
    listed = {
        int(code)
        for row in _rows("README.md")
        for code in re.findall(r"^\d[\d, ]*$", row[0])
        for code in code.split(",")
    }
    assert listed == known


def test_the_guide_quotes_what_the_code_says() -> None:
    """Each text in the table of troubleshooting is one that the code can print, or PostgreSQL's own."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "schemata").rglob("*.py"))
    code = re.sub(r'"\n\s*f?"', "", code)  # adjacent literals
    guide = (REPOSITORY / "docs/database-migrations.md").read_text(encoding="utf-8")
    section = guide.partition("## Troubleshooting by error text")[2].partition("\n## ")[0]
    texts = re.findall(r"^\| `([^`]+)`", section, flags=re.M)
    assert len(texts) > 12
    for text in texts:
        if text.startswith(("relation", "schema")):
            continue
        for piece in re.split(r"…", text):
            assert piece.strip(" )") in code, text


def test_console_blocks_are_read_as_they_are_meant() -> None:
    """A command has the lines below it, up to the next one."""
    assert list(commands("$ a b\nx\ny\n$ c\n")) == [Command("a b", ("x", "y")), Command("c", ())]
    assert shlex.split(ELSEWHERE[0]) == ["./scripts/onboard"]
