"""The project is held to its own rules: who may import whom, one home for each driver, words on everything."""

import ast
import doctest
import graphlib
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "schemata"
MODULES = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8"), str(path)) for name, path in MODULES.items()}
QUERIES = sorted((PACKAGE / "adapters" / "queries").glob("*.sql"))

#: A layer and what it may import of the package. `schemata` itself holds the version and nothing else.
MAY_IMPORT = {
    "errors": set(),
    "config": {"errors", "config"},
    "core": {"errors", "core"},
    "report": {"errors", "core"},
    "adapters": {"errors", "core", "adapters"},
    "commands": {"errors", "config", "core", "adapters", "commands"},
    "tasks": {"errors", "config", "core", "report", "adapters", "commands"},
    "cli": {"errors", "tasks"},
    "boot": {"errors", "core", "adapters", "commands"},
    "readiness": {"boot", "core", "adapters", "commands"},
    "__init__": set(),
}

#: A driver and the modules that may import it. A new home is a decision: write it here with a reason.
HOMES = {
    "psycopg": {"schemata.postgres.sessions", "schemata.postgres.query_client"},  # the session; where libpq is not found
    "yoyo": set(),  # its tables are kept true by SQL, its code is not run
    "postgast": {"schemata.sql.parser", "schemata.sql.statement", "schemata.sql.destructive",
                 "schemata.sql.index_definition",
                 "schemata.sql.expected_objects"},
    "google": {"schemata.sql.parser", "schemata.sql.destructive"},  # protobuf, beneath postgast
    "subprocess": {"schemata.system.processes"},
    "psutil": {"schemata.system.processes"},
    "ctypes": {"schemata.postgres.libpq", "schemata.postgres.query_client",  # libpq
               "schemata.server.embedded.data_directory", "schemata.system.directories"},  # syncfs; renameat2
    "sqlalchemy": {"schemata.client.generator"},
    "sqlacodegen": {"schemata.client.generator"},
    "invoke": {"schemata.tasks", "schemata.cli"},
    "rich": {"schemata.report.terminal"},
    "tabulate": {"schemata.report"},
    "tomllib": {"schemata.config"},
    "docker": {"schemata.server.compose.containers"},
}  # fmt: skip

#: What the core may import of the standard library: nothing that reaches out.
CORE_MAY_IMPORT = {
    # importlib: lazy.py, which loads the parser when it is needed
    "__future__", "importlib",
    "bisect", "collections", "dataclasses", "datetime", "difflib", "enum", "functools", "hashlib", "heapq", "itertools",
    "json", "math", "operator", "re", "typing",
}  # fmt: skip
#: Names that read a clock, a file, the network or dice, called on modules that the core may import.
REACHES_OUT = {"open", "input", "print", "exec", "eval", "now", "today", "utcnow", "__import__"}

#: Each of these costs more than the rest of a start with nothing to do, or brings in one that does.
LIGHT_MUST_NOT_LOAD = {
    "psycopg", "re", "json", "dataclasses", "enum", "typing", "pathlib", "logging", "asyncio", "subprocess", "argparse",
    "hashlib", "socket", "inspect", "invoke", "yoyo", "postgast", "schemata.config", "schemata.commands",
}  # fmt: skip


def layer(module: str) -> str:
    """Return the layer of a module of the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imported(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Give each module that a tree imports, wherever the import stands, as far as it can be told by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports in the package are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if whole in MODULES else str(node.module)), node


def public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Give every function, class and method whose name is public, of public classes only."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                        yield inner


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_layer_may(module: str) -> None:
    """errors <- config; errors <- core <- report; core <- adapters <- commands <- tasks, cli and boot."""
    allowed = MAY_IMPORT[layer(module)]
    wrong = [
        f"{name} (line {node.lineno})"
        for name, node in imported(TREES[module])
        if name.startswith("schemata.") and layer(name) not in allowed
    ]
    assert not wrong, f"{module} is of layer {layer(module)}, which may import {sorted(allowed)}, not {wrong}"


def test_no_import_goes_in_a_circle() -> None:
    """Modules import each other in one direction at load time; what a function imports later is not counted."""
    graph: dict[str, set[str]] = {}
    for module, tree in TREES.items():
        at_load = ast.Module([node for node in tree.body if not _only_for_types(node)], [])
        graph[module] = {
            name
            for name, node in imported(at_load)
            if name in MODULES and name != module and not _inside_function(at_load, node)
        }
    graphlib.TopologicalSorter(graph).prepare()


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _inside_function(tree: ast.AST, wanted: ast.AST) -> bool:
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return any(wanted is inner for function in functions for inner in ast.walk(function))


def test_each_driver_has_one_home() -> None:
    """psycopg, the parser, processes and the rest are imported where they live and nowhere else."""
    found: dict[str, set[str]] = {driver: set() for driver in HOMES}
    for module, tree in TREES.items():
        for name, _ in imported(tree):
            if (driver := name.split(".")[0]) in found:
                found[driver].add(module)
    strangers = {driver: homes - HOMES[driver] for driver, homes in found.items() if homes - HOMES[driver]}
    assert not strangers
    deserted = {driver: HOMES[driver] - homes for driver, homes in found.items() if HOMES[driver] - homes}
    assert not deserted, "remove them from HOMES, so that the table says what is so"


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name) == "core"])
def test_the_core_reaches_nothing(module: str) -> None:
    """The core opens no file or socket, starts no process, reads no clock and rolls no dice."""
    drivers = {"postgast", "google", "schemata"}
    names = {name.split(".")[0] for name, _ in imported(TREES[module])}
    assert names <= CORE_MAY_IMPORT | drivers, sorted(names - CORE_MAY_IMPORT - drivers)
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            assert called not in REACHES_OUT, f"line {node.lineno}: {called}()"


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name) == "adapters"])
def test_an_adapter_takes_plain_values(module: str) -> None:
    """No adapter knows Config: not by import, and not by a parameter of that name."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.arg):
            assert node.annotation is None or "Config" not in ast.unparse(node.annotation), f"line {node.lineno}"


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_imported_not_names(module: str) -> None:
    """Inside the package `from schemata import errors` is written, so that the origin shows at each call."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "schemata":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                assert whole in MODULES or alias.name == "__version__", f"line {node.lineno}: {whole} is no module"


@pytest.mark.parametrize("module", MODULES)
def test_a_late_import_says_why(module: str) -> None:
    """An import inside a function has a comment on it, or on the line above, or a `try` for what may be absent."""
    lines = MODULES[module].read_text(encoding="utf-8").splitlines()
    excused = {
        id(inner)
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Try) or _only_for_types(node)
        for inner in ast.walk(node)
    }
    for _, node in imported(TREES[module]):
        if id(node) in excused or not _inside_function(TREES[module], node):
            continue
        number = node.lineno - 1
        while lines[number - 1].lstrip().startswith(("import ", "from ")) or not lines[number - 1].strip():
            number -= 1
        assert "#" in lines[node.lineno - 1] or lines[number - 1].lstrip().startswith("#"), f"line {node.lineno}"


def test_modules_stay_short() -> None:
    """No module has more than 400 lines."""
    lengths = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert not {module: length for module, length in lengths.items() if length > 400}


def test_no_module_is_a_drawer() -> None:
    """No module is called for what does not fit elsewhere."""
    drawers = {"utils", "util", "helpers", "common", "misc", "base", "tools"}
    assert not [module for module in MODULES if module.rpartition(".")[2] in drawers]


@pytest.mark.parametrize("module", MODULES)
def test_what_is_public_has_a_docstring(module: str) -> None:
    """Every module, and every public class, function, method and property, says what it is or does."""
    silent = [f"{node.name} (line {node.lineno})" for node in public(TREES[module]) if not ast.get_docstring(node)]
    assert not silent
    assert ast.get_docstring(TREES[module])


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.name)
def test_every_query_has_a_name_and_a_sentence(path: Path) -> None:
    """Each block of a query file begins with its name and a sentence on what it answers; no name comes twice."""
    head, *blocks = path.read_text(encoding="utf-8").split("-- name:")
    assert not head.strip()
    names = [block.split("\n")[0].strip() for block in blocks]
    assert sorted(set(names)) == sorted(names)
    for name, block in zip(names, blocks, strict=True):
        sentence = []
        for line in block.split("\n")[1:]:
            if not line.startswith("--"):
                break
            sentence.append(line.removeprefix("--").strip())
        assert " ".join(sentence).endswith("."), f"{name} says no sentence"


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.name)
def test_every_query_is_used(path: Path) -> None:
    """No query is left over from code that went away."""
    code = "\n".join(module.read_text(encoding="utf-8") for module in MODULES.values())
    names = [line.removeprefix("-- name:").strip() for line in path.read_text().splitlines() if line[:8] == "-- name:"]
    assert not [name for name in names if f'"{name}"' not in code]


@pytest.mark.parametrize("module", [name for name, path in MODULES.items() if ">>> " in path.read_text()])
def test_examples_hold(module: str) -> None:
    """The examples in docstrings are true."""
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_an_up_to_date_start_loads_next_to_nothing() -> None:
    """`schemata.boot` is loaded without psycopg, json, re, dataclasses and everything else that takes its time."""
    code = "import sys, schemata.boot; loaded = sorted(sys.modules); import json; print(json.dumps(loaded))"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(run.stdout))
    assert "schemata.history.up_to_date" in loaded
    assert not loaded & LIGHT_MUST_NOT_LOAD
