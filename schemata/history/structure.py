"""The structure as the history remembers it: a fingerprint of each schema, and of what belongs to the database."""

from collections.abc import Mapping, Sequence

from schemata.postgres import queries
from schemata.snapshot import kinds, model, reading

#: Beside the schemas' fingerprints: what they can be compared with. No schema is called so.
FORM = "(form)"


def observe(ask: queries.Ask, schemas: Sequence[str], history: str, *, patience: float = 5.0) -> dict[str, str]:
    """Return the fingerprints of the schemas, under "" that of the database's own objects, and their form.

    `patience` (seconds) bounds the wait for a lock, after which the server's error 55P03 is the caller's.
    """
    found = reading.read(ask, schemas, history=history, lock_wait=patience)
    return of(found)


def of(snapshot: model.Snapshot) -> dict[str, str]:
    """Return the same of a snapshot that was read already."""
    return {FORM: form(snapshot.major), **snapshot.fingerprints()}


def form(major: int) -> str:
    """Return what fingerprints of that server can be compared with: those of one form and one major version."""
    return f"{model.FORM} {major}"


def differing(expected: Mapping[str, str] | None, actual: Mapping[str, str] | None) -> dict[str, tuple[str, ...]]:
    """Return the severity classes that differ, by schema; nothing where the two cannot be compared.

    >>> differing({"(form)": "1 18", "app": "a.b.c.d"}, {"(form)": "1 18", "app": "a.x.c.y"})
    {'app': ('access', 'cosmetic')}
    """
    if not expected or not actual or FORM not in expected or expected[FORM] != actual.get(FORM):
        return {}
    found = {}
    for name, value in expected.items():
        other = actual.get(name, "")
        if name != FORM and other != value:
            pairs = zip(kinds.SEVERITIES, value.split("."), [*other.split("."), "", "", ""], strict=False)
            found[name] = tuple(severity for severity, one, two in pairs if one != two)
    return found


def describe(schema: str, classes: Sequence[str]) -> str:
    """Return what differs of a schema, in words.

    >>> describe("app", ("structure", "access")), describe("", ("access",))
    ('schema app (structure, access)', "the database's own objects (access)")
    """
    what = f"schema {schema}" if schema else "the database's own objects"
    return f"{what} ({', '.join(classes)})"
