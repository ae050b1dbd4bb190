"""What a typed client was generated from, as the file STAMP beside it says, and whether that is still so.

Light: every start of a service with a client reads its stamp, so nothing is imported here, and what the
history holds of the structure (a flat JSON object) is taken apart by hand.
"""

FILE = "STAMP"
_FIRST = "schemata client 1"


class Stamp:
    """What a client was generated from.

    :param major: major version of the server.
    :param migrations: digest of the migrations that the database had.
    :param structure: digest of the structure, by schema.
    :param content: digest of the files that were written.
    """

    __slots__ = ("content", "major", "migrations", "structure")

    def __init__(self, major: int, migrations: str, structure: "dict[str, str]", content: str = "-") -> None:
        self.major = major
        self.migrations = migrations
        self.structure = structure
        self.content = content

    def text(self) -> str:
        """Return the content of the file STAMP."""
        lines = [_FIRST, f"server {self.major}", f"migrations {self.migrations}", f"content {self.content}"]
        lines += [f"schema {name} {self.structure[name]}" for name in sorted(self.structure)]
        return "\n".join(lines) + "\n"


def parse(text: str) -> "Stamp | None":
    """Return what a STAMP says; None for what is none, or one of another format.

    >>> parse(Stamp(18, "c0ffee", {"app": "f00d"}).text()).structure
    {'app': 'f00d'}
    >>> parse("schemata client 999") is None
    True
    """
    first, *lines = text.splitlines() or [""]
    found = {"server": "", "migrations": "", "content": ""}
    structure = {}
    if first != _FIRST:
        return None
    for line in lines:
        words = line.split(" ")
        if words[0] == "schema" and len(words) == 3:
            structure[words[1]] = words[2]
        elif words[0] in found and len(words) == 2:
            found[words[0]] = words[1]
        else:
            return None
    if not found["server"].isdecimal() or not structure:
        return None
    return Stamp(int(found["server"]), found["migrations"], structure, found["content"])


def structure(text: str) -> "dict[str, str]":
    """Return the digests by schema from the JSON object in which the history has the fingerprints.

    >>> structure('{"public" : "a1.f0.f0.f0", "app": "b2.f0.f0.f0"}')
    {'public': 'a1', 'app': 'b2'}
    >>> structure("")
    {}
    """
    # Neither a schema's name nor a fingerprint can hold a quote.
    words = text.split('"')[1::2]
    return {name: structural(fingerprint) for name, fingerprint in zip(words[::2], words[1::2], strict=False)}


def structural(fingerprint: str) -> str:
    """Return the part of a fingerprint that a client depends on: who may read a table, or how fast, changes nothing."""
    return fingerprint.partition(".")[0]


def stale(stamp: "Stamp | None", major: int, migrations: str, structure_: "dict[str, str]", names: "list[str]") -> str:
    """Return why a client with this stamp may not fit the database; empty when it does.

    A digest of the structure says nothing about one from another major version, which prints definitions in
    other words. There the same migrations are the proof that the structure is the same.

    >>> stale(Stamp(18, "c0ffee", {"app": "a1"}), 15, "c0ffee", {"app": "b2"}, ["app"])
    ''
    >>> stale(Stamp(18, "c0ffee", {"app": "a1"}), 18, "c0ffee", {"app": "b2"}, ["app"])
    'schema app is no longer what the client was generated from'
    """
    if stamp is None:
        return "there is no client yet"
    if sorted(stamp.structure) != sorted(names):
        return f"it is for the schemas {', '.join(sorted(stamp.structure))}, not {', '.join(sorted(names))}"
    if stamp.major != major:
        if migrations and stamp.migrations == migrations:
            return ""
        return f"it was generated from PostgreSQL {stamp.major} with other migrations"
    differ = sorted(name for name in names if structure_.get(name) != stamp.structure[name])
    if not differ:
        return ""
    many = ("s", "are") if len(differ) > 1 else ("", "is")
    return f"schema{many[0]} {', '.join(differ)} {many[1]} no longer what the client was generated from"
