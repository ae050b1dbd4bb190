"""A structure that somebody wrote as plain SQL: run in an empty database, and read from there."""

from pathlib import Path

from schemata import config, errors
from schemata.parity import scratch
from schemata.postgres import libpq, queries
from schemata.report import progress
from schemata.snapshot import model, reading
from schemata.sql import position, statement


class DeclarationFailed(errors.MigrationError):
    """The file of a declared structure cannot be run."""


def declared(
    settings: config.Config, path: Path, major: int = 0, reporter: progress.Reporter = progress.SILENT
) -> model.Snapshot:
    """Return the structure that a file of SQL makes in an empty database, with its dependencies.

    It is run on a temporary server of that major version, or that of the settings, of which nothing remains. Raises
    DeclarationFailed with file, line and the server's words where a statement fails.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.ConfigError(f"{path} cannot be read: {error}", "Name a file of SQL in UTF-8.") from error
    try:
        statements = statement.split(text)
    except statement.SyntaxProblem as problem:
        raise DeclarationFailed(
            f"{path}:{problem.line}:{problem.column}: {problem.message}",
            "Correct the file: nothing was compared.",
        ) from problem
    with scratch.database(settings, major, reporter) as url:
        connection = libpq.connect(url, timeout=20, application_name="schemata parity")
        try:
            for schema in settings.schemas:
                connection.query(f"CREATE SCHEMA IF NOT EXISTS {queries.identifier(schema)}")
            for one in statements:
                try:
                    connection.query(one.text)
                except libpq.QueryFailed as failure:
                    raise _failed(path, text, one, failure) from failure
            # What the file set for its session is not to be seen in what is read.
            connection.query("RESET SESSION AUTHORIZATION")
            connection.query("RESET ALL")
            return reading.read(connection.query, history=settings.history_schema, dependencies=True)
        finally:
            connection.close()


def _failed(path: Path, text: str, one: statement.Statement, failure: libpq.QueryFailed) -> DeclarationFailed:
    at = position.of(text, one)
    return DeclarationFailed(
        f"{path}:{at.line}: PostgreSQL {failure.sqlstate}: {failure}\n  {statement.excerpt(text, one, 100)}",
        "Correct the file: nothing was compared.",
    )
