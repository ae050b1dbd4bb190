"""The SQL of what the history remembers of drift: changes of the structure that no migration made."""

import os

from schemata.postgres import queries

_SQL = queries.load("drift", os.path.join(os.path.dirname(os.path.dirname(__file__)), "queries"))


def _fill(name: str, history: str, **values: str) -> str:
    return _SQL[name].format(
        history=queries.identifier(history), **{key: queries.literal(value) for key, value in values.items()}
    )


def create(history: str) -> str:
    """Return the SQL that makes the table: a history of an older engine has none (see `Recorded.keeps_drift`)."""
    return _fill("create", history)


def create_later(history: str) -> str:
    """Return the SQL that makes the table in a history that others read already."""
    shared = _fill("share", history)
    return f"{create(history)}; {shared}"


def note(history: str, schema: str, expected: str, actual: str, before: str) -> str:
    """Return the SQL that remembers that a schema was changed outside the migrations, seen before one ran."""
    return _fill("note", history, schema=schema, expected=expected, actual=actual, before=before)


def carry(history: str, schema: str, before: str, after: str) -> str:
    """Return the SQL that keeps what is known of a schema's drift, after migrations changed the schema as well."""
    return _fill("carry", history, schema=schema, before=before, after=after)


def settle(history: str, schema: str) -> str:
    """Return the SQL that ends what is known of a schema's drift."""
    return _fill("settle", history, schema=schema)


def accept(history: str, schema: str, expected: str, actual: str, by: str, reason: str) -> str:
    """Return the SQL that takes a schema as it is, in the name of a person and for a reason."""
    accepted = _fill("accept", history, schema=schema, expected=expected, actual=actual, by=by, reason=reason)
    return f"{settle(history, schema)}; {accepted}"
