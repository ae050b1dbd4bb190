"""Prebuilt data directories: initdb's work done beforehand, so that a new server starts at once.

A prebuilt data directory is a complete, synced data directory that nothing has ever run on. A new server takes it by
renaming it into place, so every server keeps a system identifier of its own. A background process makes the
next one after it was taken. It holds a database to be renamed: creating one writes 300 files, which takes
longer than all the rest of such a start.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

import schemata
from schemata import errors
from schemata.server.embedded import binaries, data_directory
from schemata.system import file_lock, os_user, processes

# Part of every key: raise it when initialise() makes something else.
LAYOUT = 2
_NEEDED_BYTES = 256 * 1024 * 1024
#: After this time without use something in the cache is of no version that anybody starts any more.
FORGOTTEN_SECONDS = 30 * 24 * 3600
_PATIENCE_SECONDS = 60.0


def root() -> Path:
    """Return the cache of all projects: root's, which every user can read, else the user's. It may be absent."""
    if os.geteuid() == 0:
        return Path("/var/cache/schemata")
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "schemata")


def directory(state_dir: Path) -> Path:
    """Return where prebuilt data directories are kept: in the cache of all projects, else below `state_dir`."""
    wanted = root() / "prebuilt"
    if wanted.is_absolute():
        with contextlib.suppress(OSError):
            wanted.mkdir(mode=0o755, parents=True, exist_ok=True)
            if os.access(wanted, os.W_OK | os.X_OK):
                return wanted
    return state_dir / "prebuilt"


def take(store: Path, destination: Path, job: data_directory.Job) -> bool:
    """Make a prebuilt one the data directory `destination`, on the disk; False when there is none."""
    prepared = store / _key(job)
    if not _usable(prepared, job):
        return False
    try:
        prepared.rename(destination)
        data_directory.sync_entries(destination.parent, store)
        return True
    except FileNotFoundError:  # another server took it
        return False
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    taken = store / f"{prepared.name}.taken-{os.getpid()}"
    try:
        prepared.rename(taken)
    except FileNotFoundError:
        return False
    try:
        _copy(taken, destination, job.account)
        data_directory.sync(destination)
    except BaseException:
        _put_back(taken, prepared)
        raise
    shutil.rmtree(taken, ignore_errors=True)
    return True


def copy(store: Path, destination: Path, job: data_directory.Job) -> bool:
    """Copy a prebuilt data directory for a temporary server and leave it there; False when there is none.

    The copy shares its system identifier and password, and may not be on the disk.
    """
    prepared = store / _key(job)
    if not _usable(prepared, job):
        return False
    try:
        _copy(prepared, destination, job.account)
    except FileNotFoundError:  # taken by another server meanwhile
        return False
    return True


def prepare(store: Path, job: data_directory.Job) -> None:
    """Start to make the next one in the background, if there is none; never waits, never fails."""
    if _usable(store / _key(job), job):
        return
    root = Path(schemata.__file__).parent.parent
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); from schemata.server.embedded import prebuilt; prebuilt.main()"
    )
    account = job.account
    order = {
        "store": str(store),
        "programs": [
            str(job.programs.directory),
            job.programs.version,
            job.programs.major,
            job.programs.source,
            job.programs.banner,
        ],
        "account": None if account is None else [account.uid, account.gid, account.name, account.person],
    }
    with contextlib.suppress(errors.Error, OSError):
        store.mkdir(parents=True, exist_ok=True)
        processes.detach([sys.executable, "-c", code, json.dumps(order)], log=None)


def main() -> None:
    """Make one prebuilt data directory; the whole program of the background process. Ends quietly whatever happens."""
    order = json.loads(sys.argv[1])
    where, version, major, source, banner = order["programs"]
    account = None if order["account"] is None else os_user.Account(*order["account"])
    job = data_directory.Job(binaries.Binaries(Path(where), version, major, source, banner), account)
    os.nice(19)
    with contextlib.suppress(errors.Error, OSError):
        make(Path(order["store"]), job)


def make(store: Path, job: data_directory.Job) -> bool:
    """Make a prebuilt data directory, unless there is one, or the disk is nearly full; waits for another that makes it.

    Another's may be taken before its maker has ended: then there is none, and it is ours to make.
    """
    prepared = store / _key(job)
    with (store / f"{prepared.name}.lock").open("w") as lock:
        if not file_lock.acquire(lock, _PATIENCE_SECONDS, unless=lambda: _usable(prepared, job)):
            return False
        _sweep(store)
        if _usable(prepared, job) or shutil.disk_usage(store).free < _NEEDED_BYTES:
            return False
        data_directory.initialise(prepared, job, prebuilt=True)
    return True


def _key(job: data_directory.Job) -> str:
    # By what the programs are, not where: every virtual environment has a copy of the same ones.
    size = job.programs.program("postgres").stat().st_size
    facts = f"{LAYOUT}\0{job.programs.banner}\0{size}\0{os.uname().machine}\0{job.uid}"
    return f"{job.programs.version}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"


def _usable(prepared: Path, job: data_directory.Job) -> bool:
    try:
        return prepared.stat().st_uid == job.uid and (prepared / data_directory.SECRET).exists()
    except OSError:
        return False


def _copy(source: Path, destination: Path, account: os_user.Account | None) -> None:
    """Copy a prebuilt data directory, whole or not at all; FileNotFoundError when it is taken meanwhile.

    Not by shutil.copytree, which collects errors and hides their numbers: a full disk must be told as one.
    """
    making = destination.with_name(f"{destination.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    identity = source.stat().st_ino
    try:
        for parent, _, names in os.walk(source, onerror=_raise):
            place = making / Path(parent).relative_to(source)
            place.mkdir(mode=0o700)
            for name in names:
                shutil.copyfile(Path(parent, name), place / name)
                (place / name).chmod(0o600)
        if source.stat().st_ino != identity:
            raise FileNotFoundError(errno.ENOENT, "the prebuilt data directory was taken", str(source))
        os_user.give_tree(making, account)
        making.rename(destination)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise


def _put_back(taken: Path, prepared: Path) -> None:
    """Return a prebuilt data directory that could not be used to its place, or delete it where there is a new one."""
    try:
        taken.rename(prepared)
    except OSError:
        shutil.rmtree(taken, ignore_errors=True)


def _raise(error: OSError) -> None:
    raise error


def _sweep(store: Path) -> None:
    """Delete what killed processes left, and those of versions that nobody starts any more."""
    for left in store.glob("*.taken-*"):
        if processes.exited(int(left.name.rpartition("-")[2])):
            shutil.rmtree(left, ignore_errors=True)
    for prepared in store.glob("*/PG_VERSION"):
        if time.time() - prepared.stat().st_mtime > FORGOTTEN_SECONDS:
            shutil.rmtree(prepared.parent, ignore_errors=True)
