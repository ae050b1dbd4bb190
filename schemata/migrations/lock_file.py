"""The lock file, `migrations/manifest`: every migration in its one order, and the structure that they make together.

It is committed. Two branches that both add a migration meet in it as a merge conflict, which is meant: their order and
their common structure are known to nobody yet. `inv lock` writes it again, conflict or not.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from schemata.migrations import checksums, migration
from schemata.migrations.groups import replaced

_FORMAT = "schemata manifest 2"
#: How the file writes what belongs to the database and to no schema.
_DATABASE = "-"
_EXPECTED = re.compile(
    r"(?P<form>\d+) (?P<major>\d+) (?P<schema>\S+) (?P<fingerprint>[0-9a-f]+(\.[0-9a-f]+)+)(?P<deployer> as .+)?"
)
_MEMBER = re.compile(r"(?P<checksum>\S+) (?P<fingerprint>\S+) (?P<count>-|\d+) (?P<id>\S+)")
#: What git leaves in a file that two branches changed.
_CONFLICT = re.compile(r"^(<{7} .*|={7}|>{7} .*)$", re.MULTILINE)
_AS = " as "

#: Fingerprints by schema, by form and major version ("1 18"); and where migrations name a role, what is another where
#: that role deploys ("1 18 as postgres"): see `of_deployer`.
Expected = Mapping[str, Mapping[str, str]]


@dataclasses.dataclass(frozen=True)
class LockFile:
    """What a lock file says.

    :param members: checksum and what the parser found, by id, in the one order.
    :param expected: the structure that they make, as fingerprints by schema, by form and major version.
    :param also: the digests of databases that have what a baseline among them replaces.
    """

    members: Mapping[str, tuple[str, migration.Parsed]]
    expected: Expected
    also: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Return the digest of the migrations, as a database records it."""
        return checksums.of([(id_, checksum) for id_, (checksum, _) in self.members.items()])

    def is_of(self, digest: str) -> bool:
        """Tell whether a database with this digest has these migrations, in this form or as before a squash."""
        return digest == self.digest or digest in self.also

    def fits(self, sources: Iterable[migration.Migration]) -> bool:
        """Tell whether these files are what was locked."""
        checksums_ = {id_: checksum for id_, (checksum, _) in self.members.items()}
        return checksums_ == {item.id: item.checksum for item in sources}


def text(sources: Sequence[migration.Migration], parsed: Mapping[str, migration.Parsed], expected: Expected) -> str:
    """Return the text of a lock file: the same for the same migrations and the same structure."""
    members = [(item.id, item.checksum) for item in sources]
    lines = [_FORMAT, f"digest {checksums.of(members)}", f"count {len(members)}"]
    lines += [*(f"also {digest}" for digest in replaced.forms(sources)), ""]
    for id_, checksum in members:
        known = parsed[id_]
        count = "-" if known.statements is None else known.statements
        lines.append(f"{checksum} {known.fingerprint} {count} {id_}")
    lines += expected_lines(expected)
    return "\n".join(lines) + "\n"


def expected_lines(expected: Expected) -> list[str]:
    """Return the lines that hold the expected fingerprints, after an empty one; nothing where there are none."""
    lines = [
        f"{form.partition(_AS)[0]} {schema or _DATABASE} {fingerprint}{''.join(form.partition(_AS)[1:])}"
        for form, schemas in sorted(expected.items(), key=lambda one: _place(one[0]))
        for schema, fingerprint in sorted(schemas.items())
    ]
    return ["", *lines] if lines else []


def deployed_by(form: str, role: str) -> str:
    """Return the key of what is another where that role deploys.

    >>> deployed_by("1 18", "postgres")
    '1 18 as postgres'
    """
    return f"{form}{_AS}{role}"


def describe(form: str) -> str:
    """Return what fingerprints are of, in words.

    >>> describe("1 18"), describe("1 18 as postgres")
    ('PostgreSQL 18', 'PostgreSQL 18 where postgres deploys')
    """
    versions, _, role = form.partition(_AS)
    return f"PostgreSQL {versions.partition(' ')[2]}{f' where {role} deploys' if role else ''}"


def of_deployer(expected: Expected, form: str, role: str) -> dict[str, str] | None:
    """Return the fingerprints by schema where that role deploys; None where nothing is known of that form."""
    if form not in expected:
        return None
    return {**expected[form], **expected.get(deployed_by(form, role), {})}


def _place(form: str) -> tuple[list[int], str]:
    versions, _, role = form.partition(_AS)
    return [int(part) for part in versions.split(" ")], role


def parse(text_: str) -> LockFile:
    """Return what a lock file says. Raises ValueError for a damaged one."""
    if _CONFLICT.search(text_):
        raise ValueError("it has the marks of a merge conflict")
    parts = text_.rstrip("\n").split("\n\n")
    if parts[0].partition("\n")[0] != _FORMAT:
        raise ValueError(f"its first line is not {_FORMAT!r}")
    members = {}
    for line in parts[1].splitlines() if len(parts) > 1 else ():
        match = _MEMBER.fullmatch(line)
        if match is None:
            raise ValueError(f"the line {line!r} is none of a lock file")
        count = None if match["count"] == "-" else int(match["count"])
        members[match["id"]] = (match["checksum"], migration.Parsed(count, match["fingerprint"]))
    head = parts[0].splitlines()
    also = tuple(line.partition(" ")[2] for line in head if line.startswith("also "))
    found = LockFile(members, expected_of(parts[2] if len(parts) > 2 else ""), also)
    if f"digest {found.digest}" not in head:
        raise ValueError("its digest is not that of its lines: it was edited, or a merge left it so")
    return found


def expected_of(block: str) -> dict[str, dict[str, str]]:
    """Return the expected fingerprints of their lines. Raises ValueError for any other line."""
    expected: dict[str, dict[str, str]] = {}
    for line in block.splitlines():
        match = _EXPECTED.fullmatch(line)
        if match is None:
            raise ValueError(f"the line {line!r} is none of a lock file")
        schema = "" if match["schema"] == _DATABASE else match["schema"]
        form = f"{match['form']} {match['major']}{match['deployer'] or ''}"
        expected.setdefault(form, {})[schema] = match["fingerprint"]
    return expected


def majors(text_: str) -> tuple[int, ...]:
    """Return the major versions that a text expects something of, also one with the marks of a merge conflict."""
    return tuple(sorted({int(match["major"]) for match in map(_EXPECTED.fullmatch, text_.splitlines()) if match}))
