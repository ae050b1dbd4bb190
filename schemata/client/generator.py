"""The typed client's text from a live database, and the proof that it works before anything is put in place."""

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from schemata import errors
from schemata.client import typed_catalog, typed_columns, typed_models, typed_modules
from schemata.postgres import queries
from schemata.system import processes

_QUERIES = queries.load("client", str(Path(__file__).with_name("queries")))
#: What is copied into each client, by the module that it is there.
_COPIED = {
    typed_columns.RUNTIME: Path(__file__).with_name("runtime.py"),
    typed_columns.LOADERS: Path(__file__).with_name("loaders.py"),
}
#: Longer than its own bounds on the server allow: only a process that hangs takes this long.
_PATIENCE = 600.0


class StructureUnreadable(errors.Error):
    """The role may not look into a schema of the client."""

    def __init__(self, schemas: Sequence[str]) -> None:
        super().__init__(
            f"this role may not read the structure for the typed client: permission denied for schema "
            f"{', '.join(schemas)}",
            "Nothing was written. GRANT USAGE ON SCHEMA <schema> TO <role>; for each schema of the client.",
        )


class ClientBroken(errors.Error):
    """What was generated cannot be imported, or does not carry a row of a table."""

    def __init__(self, problems: Sequence[Mapping[str, str]]) -> None:
        listed = "\n".join(f"  {one['where']}: {one['text']}" for one in problems)
        super().__init__(
            f"the generated client does not work, so it was not put in place:\n{listed}",
            "Nothing was written; the client that was there is as it was. This is a fault of the generator: report it "
            "with the definition of that table. Until then leave its schema out: [tool.schemata.client] schemas.",
        )


class CheckFailed(errors.NotAvailable):
    """The process that tries the client ended without an answer."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the generated client could not be tested, so it was not put in place: {why}",
            "Nothing was written. Run again; it needs about 150 MiB of memory.",
        )


class RuntimeNotFound(errors.NotAvailable):
    """SQLAlchemy, which the client is written for, is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the typed client needs {name}, which is not installed",
            "Install it: pip install 'pgschemata[client]'",
        )


def read(ask: queries.Ask, schemas: Sequence[str]) -> typed_catalog.Catalog:
    """Return what the client is made from. Reads the catalog only.

    Without USAGE on one of the schemas it raises StructureUnreadable.
    """
    listed = ", ".join(queries.literal(name) for name in schemas)
    # One message is one transaction, so the settings end with it; a session's would stay in a pooler.
    settings = "SET LOCAL search_path = pg_catalog; SET LOCAL lock_timeout = '5s'; SET LOCAL jit = off"
    found = json.loads(str(ask(f"{settings}; {_QUERIES['structure'].format(schemas=listed)}")[0][0]))
    if found["closed"]:
        raise StructureUnreadable(sorted(found["closed"]))
    return typed_catalog.parse(found)


@dataclasses.dataclass(frozen=True)
class Unseen:
    """An extension whose operators the client's queries do not find, because they are said without a schema.

    :param target: the schema that it can be moved to; None where it cannot be moved.
    """

    extension: str
    schema: str
    target: str | None

    def text(self) -> str:
        """Say what does not work, and what to do."""
        name, schema = queries.identifier(self.extension), queries.identifier(self.schema)
        path = f"set the search_path of the client's connections so that it has {schema} (ALTER ROLE or ALTER DATABASE)"
        if self.target is not None:
            move = f"ALTER EXTENSION {name} SET SCHEMA {queries.identifier(self.target)};"
            path = f"move it in a migration ({move}) or {path}"
        return (
            f"The extension {self.extension} is in the schema {self.schema}, which the search_path of this connection "
            "does not have: its operators are not found there, so the client's queries that compare its values fail, "
            f"or compare them as text and find other rows. To change that, {path}."
        )


def unseen(ask: queries.Ask, catalog: typed_catalog.Catalog) -> list[Unseen]:
    """Return the extensions of the columns' types that are outside of the connection's search_path."""
    used = sorted({kind.extension for kind in catalog.types.values() if kind.extension})
    if not used:
        return []
    listed = ", ".join(queries.literal(name) for name in used)
    found = ask(_QUERIES["unseen"].format(extensions=listed))
    return [Unseen(str(name), str(schema), target) for name, schema, target in found]


def modules(catalog: typed_catalog.Catalog, schemas: Sequence[str], package: str) -> dict[str, str]:
    """Return the text of each file of the package, by name: equal for equal structures."""
    names = typed_modules.module_names(schemas)
    # Their docstrings are for those who work on the engine.
    texts = {name: path.read_text(encoding="utf-8").split('"""', 2)[2].lstrip("\n") for name, path in _COPIED.items()}
    here = f"from {package} import {typed_columns.LOADERS} as loaders"
    copied = {name: text.replace("from schemata.client import loaders", here) for name, text in texts.items()}
    return typed_modules.files(catalog, names, package, copied)


def checker() -> contextlib.AbstractContextManager[processes.Begun]:
    """Start the process in which a client is tried: it loads SQLAlchemy while the catalog is read."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([_ROOT, os.environ.get("PYTHONPATH", "")])}
    return processes.begun([sys.executable, "-m", "schemata.client.check"], env=environment)


def verify(
    process: processes.Begun,
    catalog: typed_catalog.Catalog,
    files: Mapping[str, str],
    schemas: Sequence[str],
    package: str,
    conninfo: str,
) -> str:
    """Try the client in the checker's process: import it, and write and read a row of each relation.

    Nothing of it stays: the rows are those of temporary tables with the same columns, in a transaction that is
    rolled back, so no table, trigger, sequence or lock of the database is touched. Returns what could not be tried,
    empty when everything was. Raises ClientBroken.
    """
    tables = [
        {
            "schema": model.relation.schema,
            "name": model.relation.name,
            "module": model.module,
            "mapped": model.name if model.mapped else "",
            "table": model.table,
            "view": model.relation.is_view,
            "columns": [
                {
                    "name": column.name,
                    "attribute": model.attributes[column.name],
                    "type": column.text,
                    "base": typed_columns.base(catalog, column),
                    "samples": typed_columns.samples(catalog, column),
                    "sure": typed_columns.is_sure(catalog, column.type),
                }
                for column in model.relation.columns
            ],
        }
        for model in typed_models.plan(catalog, typed_modules.module_names(schemas))
    ]
    order = {"conninfo": conninfo, "package": package, "files": dict(files), "tables": tables}
    # The conninfo may hold a password: not among the arguments, which everybody on the machine may read.
    done = process.finish(json.dumps(order), _PATIENCE)
    try:
        answer = json.loads(done.output)
    except ValueError:
        last = (done.complaint.strip().splitlines() or ["it wrote nothing"])[-1]
        ended = f"signal {-done.code} ended it" if done.code < 0 else last
        raise CheckFailed(ended) from None
    if answer.get("missing"):
        raise RuntimeNotFound(answer["missing"])
    if answer["problems"]:
        raise ClientBroken(answer["problems"])
    return str(answer["skipped"])


#: Where this engine lies: the child must not find another one.
_ROOT = str(Path(__file__).resolve().parents[2])
