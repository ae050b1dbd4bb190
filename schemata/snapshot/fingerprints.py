"""Fingerprints as they are stored and compared: one a schema, and one of what belongs to the database itself."""

from collections.abc import Mapping, Sequence

from schemata.snapshot import kinds, model

#: Beside the schemas' fingerprints: what they can be compared with. No schema is called so.
FORM = "(form)"


def of(snapshot: model.Snapshot) -> dict[str, str]:
    """Return the fingerprints of a snapshot by schema, under "" that of the database's own objects, and their form."""
    return {FORM: form(snapshot.major), **snapshot.fingerprints()}


def form(major: int) -> str:
    """Return what fingerprints of that server can be compared with: those of one form and one major version."""
    return f"{model.FORM} {major}"


def major_of(stored: Mapping[str, str]) -> int:
    """Return the major version of the server that fingerprints are of; 0 where they do not say."""
    _, _, major = stored.get(FORM, "").partition(" ")
    return int(major) if major.isdecimal() else 0


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
