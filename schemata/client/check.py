"""Try a generated client before it is put in place: `python -m schemata.client.check`, an order on stdin.

A process of its own, because a broken client may do anything to the one that imports it, and because what it loads
(SQLAlchemy) goes with it. The answer on stdout is JSON: what is broken, or why rows were not tried.
"""

import gc
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import sys
import traceback
import types
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Order = Mapping[str, Any]


class _Files(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the package from memory: nothing has to be written anywhere to try it."""

    def __init__(self, package: str, files: Mapping[str, str]) -> None:
        self._package = package
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._package and not fullname.startswith(f"{self._package}."):
            return None
        found = self._file(fullname) in self._files
        return importlib.machinery.ModuleSpec(fullname, self, is_package=fullname == self._package) if found else None

    def _file(self, fullname: str) -> str:
        return f"{fullname.removeprefix(self._package).lstrip('.') or '__init__'}.py"

    def exec_module(self, module: types.ModuleType) -> None:
        file = self._file(module.__name__)
        exec(compile(self._files[file], file, "exec"), module.__dict__)


def main() -> int:
    """Answer the order on stdin; the exit code is 0 for every answer."""
    gc.disable()  # mappers are many objects that live to the end: looking for garbage doubles the time
    # Loaded before the order is read: the process that gives it makes it meanwhile.
    missing = ""
    try:
        for name in ("sqlalchemy.orm", "psycopg", "sqlalchemy.dialects.postgresql.psycopg"):
            importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
    order: Order = json.load(sys.stdin)
    if missing:
        print(json.dumps({"missing": missing}))
        return 0
    warnings.simplefilter("ignore")
    problems = _import(order)
    skipped = ""
    if not problems:
        # Imported here: it needs SQLAlchemy, and that this is not installed is one of the answers above.
        from schemata.client import row_check

        skipped, problems = row_check.check(order)
    print(json.dumps({"problems": problems[:60], "skipped": skipped}))
    return 0


def _import(order: Order) -> list[dict[str, str]]:
    """Import the package and configure its mappers; return what is wrong."""
    sys.meta_path.insert(0, _Files(order["package"], order["files"]))
    try:
        importlib.import_module(order["package"])
        importlib.import_module("sqlalchemy.orm").configure_mappers()
    except Exception as error:  # noqa: BLE001 - whatever a generated module raises is the answer
        return [{"where": _place(error, order), "text": f"{type(error).__name__}: {_first_line(error)}"}]
    return []


def _place(error: Exception, order: Order) -> str:
    """Return the generated line in which an import failed, and the class around it."""
    lines = list(_generated(error, order))
    # The models' own line, where what it calls is ours too.
    lines = [(file, number) for file, number in lines if not file.startswith("_")] or lines
    if not lines:
        return str(order["package"])
    file, number = lines[-1]
    text = order["files"][file].splitlines()
    for at in range(number - 1, -1, -1):
        if text[at].startswith("class "):
            return f"{file}, line {number}, {text[at].removesuffix(':')}: {text[number - 1].strip()}"
    return f"{file}, line {number}: {text[number - 1].strip()}"


def _generated(error: Exception, order: Order) -> Iterator[tuple[str, int]]:
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in order["files"] and frame.lineno:
            yield frame.filename, frame.lineno


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


if __name__ == "__main__":
    ended = main()
    sys.stdout.flush()
    os._exit(ended)  # to take the mappers apart costs a fifth of the whole
