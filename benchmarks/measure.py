"""Whole processes, measured in rounds: every contender once a round, so that the machine's moods hit all alike."""

import dataclasses
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SCHEMATA_PG_BIN")


class Failed(Exception):
    """A contender did not do what it was timed for; its figure would be a lie."""


@dataclasses.dataclass(frozen=True)
class Command:
    """A program with its arguments, the variables that it needs and the folder it runs in.

    `code` is the exit code with which it says that it did its work.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    folder: Path = REPOSITORY
    code: int = 0

    def start(self) -> subprocess.Popen[bytes]:
        """Start it with its output thrown away, except for what it says on stderr."""
        return subprocess.Popen(
            self.words,
            cwd=self.folder,
            env=clean() | dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def run(self) -> float:
        """Run it and return its seconds, from start to end. Raises Failed where it ends with another exit code."""
        began = time.perf_counter()
        process = self.start()
        _, said = process.communicate()
        seconds = time.perf_counter() - began
        if process.returncode != self.code:
            raise Failed(f"{' '.join(self.words[:4])} … ended with {process.returncode}: {said.decode()[-600:]}")
        return seconds


def clean() -> dict[str, str]:
    """Return the environment of a contender: nothing that sways one of them, and compiled modules are kept."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


@dataclasses.dataclass
class Contender:
    """Something that is timed. `before` is run unmeasured before each time; `run` returns seconds."""

    name: str
    run: Callable[[], float]
    before: Callable[[], None] = lambda: None
    seconds: list[float] = dataclasses.field(default_factory=list)

    @property
    def median(self) -> float:
        """Return the median, in seconds."""
        return statistics.median(self.seconds)


def race(contenders: Sequence[Contender], rounds: int, *, warm: bool = True, info: bool = True) -> None:
    """Run every contender once a round, in turns of who begins; `warm` adds an unmeasured first round."""
    for number in range(-1 if warm else 0, rounds):
        shift = number % len(contenders)
        for contender in (*contenders[shift:], *contenders[:shift]):
            contender.before()
            seconds = contender.run()
            if number >= 0:
                contender.seconds.append(seconds)
            if info:
                print(f"  {contender.name}: {seconds * 1000:.0f} ms", file=sys.stderr)


def ratio(one: Contender, other: Contender) -> float:
    """Return how many times the other's time one takes: the median of the rounds' ratios, which are paired."""
    return statistics.median(a / b for a, b in zip(one.seconds, other.seconds, strict=True))


def peak_memory(command: Command) -> float:
    """Return the most memory (MiB) that a command held at once.

    Through a small process in between: a child inherits the peak of whoever started it.
    """
    gauge = (
        "import os,sys\npid=os.fork()\n"
        "if not pid:\n os.dup2(os.open(os.devnull,os.O_WRONLY),1)\n os.execvp(sys.argv[1],sys.argv[1:])\n"
        "_,status,usage=os.wait4(pid,0)\nprint(usage.ru_maxrss)\nsys.exit(os.waitstatus_to_exitcode(status))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", gauge, *command.words],
        cwd=command.folder,
        env=clean() | dict(command.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != command.code:
        raise Failed(f"{' '.join(command.words[:4])} … ended with {done.returncode}: {done.stderr.decode()[-600:]}")
    unit = 1024 if sys.platform == "darwin" else 1
    return int(done.stdout) / unit / 1024


@dataclasses.dataclass(frozen=True)
class Crowd:
    """How many processes at once fared: seconds until the last one's end, and how many ended with 0."""

    seconds: float
    succeeded: int
    said: str


def crowd(command: Command, count: int) -> Crowd:
    """Start a command `count` times at once and wait for all."""
    began = time.perf_counter()
    processes = [command.start() for _ in range(count)]
    said = [process.communicate()[1] for process in processes]
    seconds = time.perf_counter() - began
    failed = [text for process, text in zip(processes, said, strict=True) if process.returncode]
    return Crowd(seconds, count - len(failed), failed[0].decode()[-300:] if failed else "")
