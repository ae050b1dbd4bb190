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
QUERIES = sorted(PACKAGE.rglob("queries/*.sql"))

#: A package (or a module at the top) and the packages that it may import, at any depth. A new edge is a decision.
#: `server.embedded` and `server.compose` are packages of their own below `server`: a target is chosen among them.
MAY_IMPORT = {
    "errors": set(),
    "lazy": set(),
    "config": {"errors"},
    "sql": {"lazy"},
    "system": {"errors"},
    "report": {"errors"},
    "postgres": {"errors", "system", "sql"},
    "migrations": {"errors", "config", "sql", "report", "postgres"},
    "server.embedded": {"errors", "system", "sql", "postgres"},
    # Which programs the embedded server needs: asked by dev-up, and by a deploy that lacks an extension.
    "server.programs": {"errors", "config", "sql", "report", "server.embedded"},
    "server.compose": {"errors", "config", "system", "report"},
    "targets": {"errors", "lazy", "config", "report", "postgres", "server.embedded", "server.compose"},
    # The structure of a database as a value; above the targets because its command chooses one.
    "snapshot": {"errors", "config", "report", "postgres", "migrations", "targets"},
    "history": {"errors", "config", "sql", "report", "postgres", "snapshot", "migrations", "targets"},
    # Above the history, which it backs up with the rest; below the deploys, which ask for a backup first.
    "backups": {
        "errors", "lazy", "config", "sql", "system", "report", "postgres", "migrations", "targets", "history",
        "server.programs", "server.embedded",
    },
    "remedies": {"lazy", "sql", "migrations"},
    # Stored proofs, which a deploy may demand; below it, because it asks for them.
    "attestations": {"errors", "config", "postgres", "migrations", "targets"},
    "deploy": {
        "errors", "lazy", "config", "sql", "system", "report", "postgres", "snapshot", "migrations", "targets",
        "history", "remedies", "server.programs", "attestations", "backups",
    },
    # Changes in phases, with two versions of the application alive.
    "changes": {
        "errors", "lazy", "config", "sql", "system", "report", "postgres", "migrations", "targets", "history", "deploy",
        "backups",
    },
    # What yoyo's own command line loads by its entry point.
    "yoyo_backend": {
        "errors", "config", "report", "postgres", "migrations", "targets", "history", "deploy",
    },
    "parity": {
        "errors", "lazy", "config", "repeat", "report", "postgres", "snapshot", "migrations", "targets", "history",
        "deploy", "server.programs", "server.embedded",
    },
    # Databases without rows that plan as full ones do.
    # How large the tables are meant to be, for whatever weighs or plans by it.
    "scale": {"errors", "config", "postgres"},
    "ghost": {"errors", "config", "report", "postgres", "migrations", "targets", "parity", "scale"},
    "pages": {
        "errors", "lazy", "config", "sql", "report", "postgres", "migrations", "targets", "parity", "ghost",
        "scale", "server.programs",
    },
    # Writes migrations from differences: values in, files out.
    "parity.fix": {
        "errors", "config", "sql", "report", "postgres", "snapshot", "migrations", "targets", "parity",
        "server.programs",
    },
    "squash": {
        "errors", "lazy", "config", "sql", "system", "report", "postgres", "snapshot", "migrations", "deploy", "parity",
        "server.programs", "server.embedded", "attestations",
    },
    # Rows for tables of which nothing is known but their definition.
    "samples": {"postgres"},
    # Migrations tried on databases that are dropped afterwards.
    "rehearsal": {
        "errors", "config", "sql", "system", "report", "postgres", "migrations", "targets", "history", "deploy",
        "parity", "squash", "server.programs", "attestations", "lint", "backups", "samples", "scale",
    },
    # Rows for a development database, as many as are wanted.
    "seed": {"errors", "config", "report", "postgres", "samples", "targets", "scale"},
    # The release before on a database with this one's expands.
    "releases": {
        "errors", "config", "system", "report", "postgres", "migrations", "targets", "history", "changes",
        "attestations", "rehearsal", "samples", "seed", "pages", "smoke",
    },
    # A repository's first files, and its first migrations from a live database.
    "scaffold": {
        "errors", "config", "system", "report", "postgres", "snapshot", "migrations", "targets", "history", "parity",
        "server.programs", "squash", "adoption",
    },
    # Another tool's migrations, made ours; and what a database has, proved before it is recorded.
    "adoption": {
        "errors", "lazy", "config", "sql", "system", "report", "postgres", "snapshot", "migrations", "targets",
        "history", "deploy", "parity", "remedies",
    },
    # What two versions of the application outlive: the files of a change, from what a database says of its table.
    "changes.authoring": {
        "errors", "lazy", "config", "sql", "report", "postgres", "migrations", "targets", "history", "remedies",
        "lint",
    },
    "changes.version_views": {"errors", "config", "report", "postgres", "targets", "changes.authoring"},
    # Judges files by their text; no server.
    "lint": {"errors", "lazy", "config", "sql", "system", "report", "migrations", "scale"},
    "smoke": {
        "errors", "config", "report", "postgres", "snapshot", "migrations", "targets", "history", "pages", "parity",
    },
    # What a running server takes its time for.
    "slow_queries": {
        "errors", "lazy", "config", "sql", "report", "postgres", "migrations", "targets", "pages",
    },
    # Which indexes are missing: what was counted, judged by planners.
    "advice": {
        "errors", "lazy", "config", "sql", "system", "report", "postgres", "migrations", "targets", "pages", "ghost",
        "slow_queries", "lint", "remedies", "scale", "backups",
    },
    "repeat": {"errors", "report", "system"},
    # One page of what every feature knows.
    "overview": {
        "errors", "config", "sql", "report", "snapshot", "migrations", "targets", "history", "deploy", "attestations",
        "parity", "pages", "slow_queries", "advice",
    },
    # Every line of the checklist, each asked of the feature that knows.
    "checklist": {
        "errors", "config", "report", "snapshot", "migrations", "parity", "smoke", "client", "server.programs",
        "rehearsal", "attestations", "lint", "system", "pages", "scale",
    },
    "client": {"errors", "config", "system", "report", "postgres", "snapshot", "migrations", "targets", "history"},
    "services": {"errors", "config", "system", "report", "postgres", "server.embedded"},
    "server": {
        "errors", "lazy", "config", "system", "report", "postgres", "migrations", "targets", "history", "deploy",
        "client", "services", "server.embedded", "server.compose", "server.programs",
    },
    "entrypoint": {
        "errors", "lazy", "config", "report", "postgres", "migrations", "targets", "history", "deploy", "client",
        "services",
    },
    "readiness": {"migrations", "history"},
    "doctor": {
        "errors", "config", "sql", "report", "postgres", "migrations", "history", "services", "server",
        "server.embedded", "server.programs",
    },
    "boot": {"errors", "report", "postgres", "migrations", "history", "client", "entrypoint"},
    # What the tasks call, loaded by name when it is used.
    "commands": {
        "targets", "migrations", "history", "deploy", "smoke", "parity", "client", "services", "server", "entrypoint",
        "doctor", "snapshot", "squash", "parity.fix", "scaffold", "repeat", "slow_queries",
        "adoption", "backups", "changes", "changes.authoring", "changes.version_views", "checklist",
        "rehearsal", "lint", "ghost", "pages",
        "overview", "seed", "advice", "releases",
    },
    "command_line": {"errors", "report"},
    "tasks": {"errors", "config", "command_line", "commands"},
    "cli": {"command_line", "tasks"},
    "__init__": set(),
}  # fmt: skip

#: Modules that are values in, values out: no file, socket, process or clock, and nothing that has one.
PURE = {
    "schemata.errors", "schemata.lazy",
    "schemata.sql.parser", "schemata.sql.statement", "schemata.sql.position", "schemata.sql.index_definition",
    "schemata.sql.destructive", "schemata.sql.kinds", "schemata.sql.lexer",
    "schemata.sql.client_copy", "schemata.sql.extension_requests", "schemata.backups.required.losses",
    "schemata.sql.patterns", "schemata.sql.literals", "schemata.sql.pointless", "schemata.sql.replaceable",
    "schemata.sql.transactions", "schemata.deploy.preview.table_locks",
    "schemata.report.document", "schemata.report.progress", "schemata.report.results", "schemata.report.wrapping",
    "schemata.checklist.outcome",
    "schemata.changes.backfill.keys", "schemata.changes.backfill.outcome", "schemata.changes.backfill.update",
    "schemata.changes.authoring.checks", "schemata.changes.authoring.choosing", "schemata.changes.authoring.draft",
    "schemata.changes.authoring.expressions", "schemata.changes.authoring.families.columns",
    "schemata.changes.authoring.families.altering", "schemata.changes.authoring.families.constraints",
    "schemata.changes.authoring.families.dropping", "schemata.changes.authoring.families.pairing",
    "schemata.changes.authoring.families.dual", "schemata.changes.authoring.families.not_null",
    "schemata.changes.authoring.families.privileges", "schemata.changes.authoring.families.same_name",
    "schemata.changes.authoring.families.sync", "schemata.changes.authoring.families.version_views",
    "schemata.changes.authoring.names", "schemata.changes.authoring.rows", "schemata.changes.authoring.table",
    "schemata.changes.authoring.usage", "schemata.changes.authoring.writing",
    "schemata.report.annotations", "schemata.report.marking", "schemata.report.sides", "schemata.report.prometheus",
    "schemata.slow_queries.counts", "schemata.report.markup", "schemata.overview.entities",
    "schemata.overview.layout", "schemata.overview.diagram", "schemata.overview.timeline",
    "schemata.slow_queries.outcome", "schemata.slow_queries.statement_text",
    "schemata.advice.predicates", "schemata.advice.candidates", "schemata.advice.choosing", "schemata.advice.existing",
    "schemata.advice.workload", "schemata.advice.outcome", "schemata.advice.writing",
    "schemata.config.declared",
    "schemata.backups.manifest", "schemata.backups.required.policy", "schemata.backups.retention",
    "schemata.parity.ignoring", "schemata.parity.renames",
    "schemata.parity.reports.outcome", "schemata.parity.reports.listing", "schemata.parity.reports.report",
    "schemata.parity.reports.metrics",
    "schemata.postgres.urls", "schemata.postgres.quoting", "schemata.postgres.failures", "schemata.postgres.backoff",
    "schemata.postgres.lock_holder", "schemata.postgres.deployer",
    "schemata.snapshot.model", "schemata.snapshot.kinds", "schemata.snapshot.fingerprints",
    "schemata.snapshot.listing", "schemata.snapshot.definitions", "schemata.snapshot.facts",
    "schemata.parity.diff",
    "schemata.parity.fix.ddl.annotations", "schemata.parity.fix.ddl.columns", "schemata.parity.fix.ddl.constraints",
    "schemata.parity.fix.ddl.conversions", "schemata.parity.fix.ddl.identity", "schemata.parity.fix.ddl.names",
    "schemata.parity.fix.ddl.nullability", "schemata.parity.fix.ddl.privileges", "schemata.parity.fix.ddl.sequences",
    "schemata.parity.fix.ddl.tables", "schemata.parity.fix.ddl.views", "schemata.parity.fix.decisions",
    "schemata.parity.fix.objects.data_types", "schemata.parity.fix.objects.database",
    "schemata.parity.fix.objects.publications", "schemata.parity.fix.objects.routines",
    "schemata.parity.fix.objects.text_search", "schemata.parity.fix.ordering", "schemata.parity.fix.nodes",
    "schemata.parity.fix.edges", "schemata.parity.fix.planning",
    "schemata.parity.fix.progress", "schemata.parity.fix.repeatable", "schemata.parity.fix.scripts",
    "schemata.parity.fix.statements",
    "schemata.parity.fix.steps", "schemata.parity.fix.structure",
    "schemata.migrations.migration", "schemata.migrations.checksums", "schemata.migrations.leading_comment",
    "schemata.migrations.groups.changes", "schemata.migrations.groups.forms", "schemata.migrations.precheck",
    "schemata.migrations.revision", "schemata.migrations.psql", "schemata.migrations.rollback_files",
    "schemata.migrations.lock_file", "schemata.migrations.groups.replaced", "schemata.migrations.python_files",
    "schemata.squash.contents", "schemata.squash.structure", "schemata.squash.between", "schemata.squash.baseline",
    "schemata.squash.plan", "schemata.squash.draft", "schemata.squash.outcome", "schemata.squash.effects",
    "schemata.attestations.attestation", "schemata.changes.named",
    "schemata.rehearsal.trace.states", "schemata.rehearsal.trace.effect", "schemata.rehearsal.trace.traces",
    "schemata.rehearsal.trace.judging", "schemata.rehearsal.trace.advice", "schemata.rehearsal.trace.sizes",
    "schemata.rehearsal.trace.codes", "schemata.rehearsal.server_wide",
    "schemata.rehearsal.outcome", "schemata.releases.outcome", "schemata.releases.statements",
    "schemata.seed.values.bounds", "schemata.seed.values.columns", "schemata.seed.values.expressions",
    "schemata.seed.keys", "schemata.seed.values.known_types", "schemata.seed.values.spread",
    "schemata.seed.outcome", "schemata.seed.parent_keys", "schemata.seed.shapes", "schemata.seed.sizes",
    "schemata.seed.statement",
    "schemata.samples.structure", "schemata.samples.values", "schemata.samples.patterns", "schemata.samples.attempts",
    "schemata.remedies.remedy", "schemata.remedies.table", "schemata.remedies.access", "schemata.remedies.naming",
    "schemata.remedies.rewriting", "schemata.remedies.rows", "schemata.remedies.running", "schemata.remedies.structure",
    "schemata.history.recorded", "schemata.history.comparison", "schemata.history.layout", "schemata.history.damage",
    "schemata.history.existing", "schemata.history.ledgers", "schemata.history.difference", "schemata.history.stored",
    "schemata.history.evidence", "schemata.history.drift.findings", "schemata.history.drift.noted",
    "schemata.history.held.phases", "schemata.history.held.compatible",
    "schemata.history.squashed.recognition", "schemata.history.squashed.findings",
    "schemata.deploy.results", "schemata.deploy.notices",
    "schemata.scale.scale", "schemata.ghost.sizes", "schemata.ghost.outcome",
    "schemata.pages.pages", "schemata.pages.structural", "schemata.pages.plans", "schemata.pages.outcome",
    "schemata.pages.sql_file", "schemata.pages.select_query", "schemata.client.stamps", "schemata.client.typed_catalog",
    "schemata.client.typed_columns",
    "schemata.client.typed_models", "schemata.client.typed_modules", "schemata.client.typed_scope",
    "schemata.services.outcome",
    "schemata.scaffold.contents",
    "schemata.lint.structure.tree", "schemata.lint.structure.column_types", "schemata.lint.structure.objects",
    "schemata.lint.structure.tables", "schemata.lint.rules", "schemata.lint.structure.replay",
    "schemata.lint.model", "schemata.lint.structure.locks", "schemata.lint.allowing", "schemata.lint.squawk_rules",
    "schemata.lint.judging", "schemata.lint.fixing", "schemata.lint.rules.columns", "schemata.lint.rules.constraints",
    "schemata.lint.rules.files", "schemata.lint.rules.indexes", "schemata.lint.rules.names",
    "schemata.lint.rules.partitions", "schemata.lint.rules.project", "schemata.lint.rules.removed",
    "schemata.lint.rules.renamed", "schemata.lint.rules.routines", "schemata.lint.rules.rows",
    "schemata.lint.rules.tables", "schemata.lint.rules.transactions", "schemata.lint.rules.types",
    "schemata.lint.formats.github", "schemata.lint.formats.markdown", "schemata.lint.sizes",
    "schemata.adoption.execution.classification", "schemata.adoption.execution.expectations",
    "schemata.adoption.execution.templates",
    "schemata.deploy.other_tool.origin", "schemata.deploy.other_tool.lock_key",
    "schemata.adoption.model", "schemata.adoption.naming", "schemata.adoption.comments",
    "schemata.adoption.schemas", "schemata.adoption.conversion", "schemata.adoption.records",
    "schemata.adoption.formats.texts",
    "schemata.adoption.formats.digests", "schemata.adoption.formats.scripts", "schemata.adoption.formats.sections",
    "schemata.adoption.formats.versions", "schemata.adoption.formats.sqitch_plan",
    "schemata.adoption.formats.alembic_script", "schemata.adoption.readers.alembic_sql",
    "schemata.adoption.readers.dbmate", "schemata.adoption.readers.diesel", "schemata.adoption.readers.drizzle",
    "schemata.adoption.readers.flyway", "schemata.adoption.readers.folder",
    "schemata.adoption.readers.golang_migrate", "schemata.adoption.readers.goose",
    "schemata.adoption.readers.node_pg_migrate", "schemata.adoption.readers.prisma",
    "schemata.adoption.readers.sqitch", "schemata.adoption.readers.sqlx", "schemata.adoption.readers.supabase",
    "schemata.adoption.ledgers.entries", "schemata.adoption.ledgers.rows", "schemata.adoption.ledgers.standings",
    "schemata.adoption.ledgers.judgement",
}  # fmt: skip

#: A driver and the modules that may import it. A new home is a decision: write it here with a reason.
HOMES = {
    # Where libpq is not found; and what is copied into each client, never imported by the engine.
    "psycopg": {
        "schemata.postgres.query_client", "schemata.client.runtime", "schemata.client.loaders",
        # A step in Python is given psycopg's connection, and raises its errors.
        "schemata.deploy.python.connection", "schemata.deploy.python.running",
    },
    "yoyo": {"schemata.deploy.python.loading", "schemata.yoyo_backend.backend"},
    "postgast": {
        "schemata.sql.parser", "schemata.sql.statement", "schemata.sql.destructive", "schemata.sql.index_definition",
        "schemata.sql.kinds", "schemata.sql.pointless", "schemata.sql.client_copy", "schemata.sql.replaceable",
        "schemata.slow_queries.statement_text", "schemata.advice.predicates",
        "schemata.sql.transactions", "schemata.pages.select_query", "schemata.changes.backfill.update",
        "schemata.deploy.preview.table_locks", "schemata.backups.required.losses",
        "schemata.remedies.rewriting", "schemata.remedies.rows", "schemata.remedies.structure",
        "schemata.squash.effects", "schemata.squash.structure", "schemata.adoption.execution.expectations",
        "schemata.adoption.schemas", "schemata.changes.authoring.expressions",
        "schemata.lint.structure.tree", "schemata.lint.structure.replay", "schemata.lint.structure.tables",
        "schemata.lint.structure.locks", "schemata.lint.rules.columns", "schemata.lint.rules.constraints",
        "schemata.lint.rules.files", "schemata.lint.rules.indexes", "schemata.lint.rules.names",
        "schemata.lint.rules.partitions", "schemata.lint.rules.removed", "schemata.lint.rules.rows",
        "schemata.lint.rules.tables", "schemata.lint.rules.transactions", "schemata.lint.rules.types",
    },
    "google": {"schemata.sql.parser", "schemata.sql.destructive"},  # protobuf, beneath postgast
    "subprocess": {"schemata.system.processes"},
    "psutil": {"schemata.system.processes"},
    "ctypes": {
        "schemata.postgres.libpq", "schemata.postgres.query_client", "schemata.postgres.scripts",  # libpq
        "schemata.server.embedded.data_directory", "schemata.system.directories",  # syncfs; renameat2
    },
    # Copied into each client, never imported by the engine; a process of its own.
    "sqlalchemy": {
        "schemata.client.runtime", "schemata.client.loaders", "schemata.client.row_check", "schemata.client.check",
    },
    "invoke": {
        "schemata.tasks", "schemata.tasks.invoke_namespace", "schemata.tasks.program",
        "schemata.command_line.invoke_tasks",
    },
    "rich": {"schemata.report.terminal"},
    "tabulate": {"schemata.report.render"},
    "tomllib": {"schemata.config", "schemata.scaffold.init", "schemata.scale.scale_file",
                "schemata.changes.version_views.version_file"},
    "docker": {"schemata.server.compose.containers"},
}  # fmt: skip

#: What a pure module may import of the standard library: nothing that reaches out.
PURE_MAY_IMPORT = {
    # importlib: lazy.py, which loads the parser when it is needed
    "__future__", "importlib",
    "ast", "base64", "contextlib", "zlib",
    "bisect", "collections", "dataclasses", "datetime", "difflib", "enum", "functools", "hashlib", "heapq", "html",
    "itertools",
    "json", "keyword", "math", "operator", "re", "string", "textwrap", "typing", "unicodedata",
}  # fmt: skip
#: Names that read a clock, a file, the network or dice, called on modules that a pure one may import.
REACHES_OUT = {"open", "input", "print", "exec", "eval", "now", "today", "utcnow", "__import__"}

#: Each of these costs more than the rest of a start with nothing to do, or brings in one that does.
LIGHT_MUST_NOT_LOAD = {
    "psycopg", "re", "json", "dataclasses", "enum", "typing", "pathlib", "logging", "asyncio", "subprocess", "argparse",
    "hashlib", "socket", "inspect", "invoke", "yoyo", "postgast", "schemata.config", "schemata.commands",
    "schemata.deploy", "schemata.sql", "schemata.server",
}  # fmt: skip


#: Calls that load a module by its name.
_LOADERS = {"lazy.Module", "importlib.import_module", "import_module", "__import__"}


_NESTED = (
    "server.embedded", "server.compose", "server.programs", "parity.fix", "changes.authoring", "changes.version_views",
)  # fmt: skip


def package(module: str) -> str:
    """Return the package of a module, as MAY_IMPORT names it."""
    for nested in _NESTED:
        if module == f"schemata.{nested}" or module.startswith(f"schemata.{nested}."):
            return nested
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
        elif (
            isinstance(node, ast.Call) and ast.unparse(node.func) in _LOADERS and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value), node


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
def test_a_module_imports_only_what_its_package_may(module: str) -> None:
    """Each package imports those below it that the table names, wherever in a module the import stands."""
    own = package(module)
    wrong = [
        f"{name} (line {node.lineno})"
        for name, node in imported(TREES[module])
        if name.startswith("schemata.") and package(name) != own and package(name) not in MAY_IMPORT[own]
    ]
    assert not wrong, f"{module} is of {own}, which may import {sorted(MAY_IMPORT[own])}, not {wrong}"


def test_the_packages_are_a_graph_without_a_circle() -> None:
    """The table itself has no circle, and no edge that nothing uses."""
    graphlib.TopologicalSorter(MAY_IMPORT).prepare()
    used: dict[str, set[str]] = {name: set() for name in MAY_IMPORT}
    for module, tree in TREES.items():
        used[package(module)] |= {package(name) for name, _ in imported(tree) if name.startswith("schemata.")}
    idle = {name: sorted(edges - used[name]) for name, edges in MAY_IMPORT.items() if edges - used[name]}
    if "commands" in idle:  # its table is loaded by name
        table = MODULES["schemata.commands"].read_text(encoding="utf-8")
        idle["commands"] = [name for name in idle["commands"] if f'"schemata.{name}' not in table]
    assert not {name: edges for name, edges in idle.items() if edges}, "remove them, so that the table says what is so"


def test_no_import_goes_in_a_circle() -> None:
    """Modules import each other in one direction, at any depth: also inside functions, and for types only."""
    graph = {
        module: {name for name, _ in imported(tree) if name in MODULES and name != module}
        for module, tree in TREES.items()
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


@pytest.mark.parametrize("module", sorted(PURE))
def test_a_pure_module_reaches_nothing(module: str) -> None:
    """A pure module opens no file or socket, starts no process, reads no clock, and imports none that does."""
    drivers = {"postgast", "google", "schemata"}
    names = {name.split(".")[0] for name, _ in imported(TREES[module])}
    assert names <= PURE_MAY_IMPORT | drivers, sorted(names - PURE_MAY_IMPORT - drivers)
    others = {name for name, _ in imported(TREES[module]) if name.startswith("schemata.") and name in MODULES}
    assert others <= PURE, sorted(others - PURE)
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            assert called not in REACHES_OUT, f"line {node.lineno}: {called}()"


def test_every_package_says_what_it_is_for() -> None:
    """A package opens with a sentence of at most three lines, and holds about ten modules."""
    folders = {path.parent for path in MODULES.values()} - {PACKAGE}
    for folder in folders:
        name = ".".join(folder.relative_to(REPOSITORY).parts)
        if name == "schemata.postgres.queries":
            continue
        text = ast.get_docstring(TREES[name]) or ""
        assert text, f"{name} says nothing"
        assert len(text.splitlines()) <= 3, name
        assert len(list(folder.glob("[!_]*.py"))) <= 14, f"{name} is two packages"


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


def test_git_is_run_from_one_place() -> None:
    """Its name begins a command in `system/git.py` only."""
    commands = [
        module
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.List) and node.elts and getattr(node.elts[0], "value", None) == "git"
    ]
    assert commands == ["schemata.system.git"]


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
