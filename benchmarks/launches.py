"""The embedded server: from nothing to the first query, against bare initdb and pg_ctl."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import measure
import place as places
import tables
import workload
from place import Position

from schemata.server.embedded import data_directory
from schemata.system import os_user

_DRIVER = (
    "import sys\n"
    "from pathlib import Path\n"
    "from schemata.server.embedded import binaries, instance\n"
    "home, prebuilt, version = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])\n"
    "programs = lambda: binaries.find(version, None, home)\n"
    "instance.start(home, database='app', prebuilt_root=prebuilt, binaries_of=programs)\n"
)
_STOP = (
    "import sys\nfrom pathlib import Path\nfrom schemata.server.embedded import instance\n"
    "instance.remove(Path(sys.argv[1])) if sys.argv[2:] else instance.stop(Path(sys.argv[1]))\n"
)


class Launch:
    """The ways to a running server, each on a folder of its own on the same disk."""

    def __init__(self, place: Position) -> None:
        self._place = place
        self._account = os_user.choose(place.folder)
        self._home = place.folder / "home" / ".schemata"
        self._spares = place.folder / "prebuilt"
        self._bare = place.folder / "bare"
        self._version = str(place.found.major)

    def bare(self) -> float:
        """Run initdb and `pg_ctl -w start`; stop and delete it unmeasured."""
        self._bare.mkdir()
        os_user.give(self._bare, self._account)
        data, log = self._bare / "data", self._bare / "log"
        began = time.perf_counter()
        self._postgres("initdb", "-D", data, "-U", "app", "--auth=scram-sha-256", f"--pwfile={self._password()}")
        options = f"-c listen_addresses= -c unix_socket_directories={self._bare}"
        self._postgres("pg_ctl", "-w", "-D", data, "-l", log, "-o", options, "start")
        seconds = time.perf_counter() - began
        self._postgres("pg_ctl", "-w", "-m", "immediate", "-D", data, "stop")
        shutil.rmtree(self._bare)
        return seconds

    def _password(self) -> Path:
        path = self._bare / "password"
        path.write_text("bench")
        os_user.give(path, self._account)
        return path

    def _postgres(self, program: str, *words: object) -> None:
        lent = {"user": self._account.uid, "group": self._account.gid, "extra_groups": []} if self._account else {}
        done = subprocess.run(
            [str(self._place.found.program(program)), *map(str, words)],
            cwd="/",
            env=measure.clean() | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # not a pipe: the server would hold it open
            stderr=subprocess.DEVNULL,
            check=False,
            **lent,  # type: ignore[call-overload]
        )
        if done.returncode:
            raise measure.Failed(f"{program} ended with {done.returncode}")

    def start(self) -> float:
        """Start ours, in a process that does nothing else."""
        words = (str(self._home), str(self._spares), self._version)
        return self._python(_DRIVER, *words).run()

    def stop(self) -> None:
        """Stop ours; the data stay."""
        self._python(_STOP, str(self._home)).run()

    def remove(self) -> None:
        """Stop ours and delete its data; the prebuilt ones stay."""
        self._python(_STOP, str(self._home), "remove").run()

    def forget(self) -> None:
        """Bring back the state of a machine that never ran ours."""
        self.settle()
        self.remove()
        shutil.rmtree(self._spares, ignore_errors=True)

    def warm(self) -> None:
        """Bring back the state of a machine that has a prebuilt data directory, and no server."""
        self.settle()
        self.remove()

    def rest(self) -> None:
        """Bring back the state of a stopped server."""
        self.settle()
        self.stop()

    def settle(self) -> None:
        """Wait until the next prebuilt data directory is made in the background: it would slow what is timed."""
        deadline = time.monotonic() + 60
        while self._spares.exists() and not self._spare_is_ready():
            if time.monotonic() > deadline:
                raise measure.Failed("no prebuilt data directory was made within 60 s")
            time.sleep(0.1)

    def _spare_is_ready(self) -> bool:
        return any(path.parent.suffix != ".making" for path in self._spares.glob(f"*/{data_directory.SECRET}"))

    def _python(self, code: str, *words: str) -> measure.Command:
        return measure.Command((sys.executable, "-c", code, *words), {"PYTHONPATH": str(measure.REPOSITORY)})


def server(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure the first start, later starts, and the start with nothing to do."""
    launch = Launch(place)
    bare = measure.Contender("initdb, then pg_ctl -w start", launch.bare, launch.settle)
    cold = measure.Contender("ours: the first start on a machine", launch.start, launch.forget)
    warm = measure.Contender("ours: a new server, from a prebuilt data directory", launch.start, launch.warm)
    stopped = measure.Contender("ours: a stopped server", launch.start, launch.rest)
    running = measure.Contender("ours: a running server", launch.start, launch.settle)
    contenders = [bare, cold, warm, stopped, running]
    # Not in turns of who begins: each state is made out of the one before.
    for number in range(rounds):
        for contender in contenders:
            contender.before()
            contender.seconds.append(contender.run())
            print(f"  {number} {contender.name}: {contender.seconds[-1] * 1000:.0f} ms", file=sys.stderr)
    launch.forget()
    goals = (
        tables.Goal("first start : initdb + pg_ctl", measure.ratio(cold, bare), 1.1),
        tables.Goal("initdb + pg_ctl : from a prebuilt data directory", measure.ratio(bare, warm), 10, False),
        tables.Goal("initdb + pg_ctl : a stopped server", measure.ratio(bare, stopped), 10, False),
    )
    columns = ("from nothing to a login", "median", "fastest", "slowest", "× initdb")
    note = (
        "Ours includes the start of Python, a password, a database of its own and the first login to it. "
        "The data directories are on disk, with fsync as PostgreSQL has it by default."
    )
    found = tables.Section("The embedded server", columns, tables.compared(contenders, bare), goals, (note,))
    return [found, _up(place, rounds)]


def _up(place: Position, rounds: int) -> tables.Section:
    project = workload.project(place.folder / "up", 20)
    environment = {"XDG_CACHE_HOME": str(place.folder / "cache")}
    up, listing, down = (
        measure.Command(command.words, {**command.environment, **environment}, command.folder)
        for command in (
            places.ours(project, "dev-up", url=""),
            places.ours(project, "--list", url=""),
            places.ours(project, "dev-down-clean", url=""),
        )
    )
    up.run()
    try:
        first = measure.Contender("inv dev-up, nothing to do", up.run)
        other = measure.Contender("inv --list", listing.run)
        measure.race([first, other], rounds)
    finally:
        down.run()
    goal = tables.Goal("dev-up with nothing to do : inv --list", measure.ratio(first, other), 2)
    columns = ("whole process", "median", "fastest", "slowest", "× inv --list")
    return tables.Section("inv dev-up", columns, tables.compared([first, other], other), (goal,))
