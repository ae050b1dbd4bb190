"""The light door of the engine, for containers and scripts:

    python -m schemata.boot [SERVICE] [--url URL] [--wait-only] [--until ID] [-- COMMAND...]

Wait for the database, make the schemas, look first, migrate if there is something to do, then become
COMMAND (the same process, so signals reach it) or exit. With nothing to do it costs one connection and one
question. Every container start comes through here: keep the imports as they are.
"""

import os
import sys
import time

try:
    import _signal  # type: ignore[import-not-found]  # `signal` itself imports enum, which costs as much as the connection
except ImportError:  # another Python than CPython
    import signal as _signal

from schemata import errors
from schemata.adapters import asking, libpq, lookfirst
from schemata.core import urls

USAGE = (
    "usage: python -m schemata.boot [SERVICE] [--url URL] [--wait-only] [--until ID] [-- COMMAND...]\n"
    "\n"
    "  SERVICE      what starts, for the log\n"
    "  --url URL    the database (default: DATABASE_URL, else the dev server)\n"
    "  --wait-only  migrate nothing: wait until this build's migrations (or --until ID) are applied\n"
    "  --until ID   migrate no further than ID\n"
    "  COMMAND      what to become when the database is ready\n"
)


class Options:
    """The command line."""

    __slots__ = ("command", "service", "until", "url", "wait_only")

    def __init__(self) -> None:
        self.service = ""
        self.url = ""
        self.until = ""
        self.wait_only = False
        self.command: list[str] = []


def parse(arguments: "list[str]") -> Options:
    """Return the options; by hand, because argparse costs more than the rest of the boot. Raises ConfigError."""
    options = Options()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            options.command = rest
            if not rest:
                raise errors.ConfigError("there is no command after --", USAGE)
            break
        if word == "--wait-only":
            options.wait_only = True
        elif name in ("--url", "--until"):
            if not equals:
                if not rest or rest[0] == "--":
                    raise errors.ConfigError(f"{name} needs a value", USAGE)
                value = rest.pop(0)
            if not value:
                raise errors.ConfigError(f"{name} is empty", USAGE)
            setattr(options, name[2:], value)
        elif word.startswith("-"):
            raise errors.ConfigError(f"there is no option {word}", USAGE)
        elif options.service:
            raise errors.ConfigError(f"one service at a time: {options.service}, then {word}", USAGE)
        else:
            options.service = word
    return options


def project_root() -> str:
    """Return the folder of the project: SCHEMATA_ROOT, or the nearest one upward that looks like one."""
    named = os.environ.get("SCHEMATA_ROOT")
    if named:
        return named
    folder = os.getcwd()
    while not (
        os.path.exists(os.path.join(folder, "pyproject.toml"))
        or os.path.exists(os.path.join(folder, "migrations", "manifest"))
    ):
        parent = os.path.dirname(folder)
        if parent == folder:
            return os.getcwd()
        folder = parent
    return folder


def look(options: Options, build: lookfirst.Build) -> "tuple[bool, libpq.Connection | None]":
    """Return whether there is nothing to do, and the connection that holds the gate if there is something."""
    url = options.url or os.environ.get("DATABASE_URL", "")
    if not url or options.until:
        return False, None
    connection = None
    try:
        connection = asking.connect(urls.normalise(url)[0], timeout=10, application_name="schemata boot")
        answer = lookfirst.ask(connection, build.settings["history"])
        if lookfirst.up_to_date(answer, build):
            connection.close()
            return True, None
        if options.wait_only or (answer is not None and answer.standby):
            connection.close()
            return False, None
        wait = time.monotonic() + lookfirst.patience(build.settings)
        if not lookfirst.pass_gate(connection, build, wait):
            connection.close()
            return True, None
        return False, connection
    except (libpq.ConnectFailed, libpq.ConnectionLost, libpq.QueryFailed):
        # Whatever it is, the whole engine waits for it or says it better.
        if connection is not None:
            connection.close()
        return False, None


def _prepare(options: Options, root: str) -> None:
    """Bring the database to this build, by the shortest way."""
    build = lookfirst.build(root)
    gate = None
    if build is not None:
        ready, gate = look(options, build)
        if ready:
            return
    # Imported here: most starts have nothing to do. This much reads the files; the whole engine, psycopg and
    # the parser, comes only behind the gate.
    from schemata.commands import boots

    tree = boots.survey(root)
    if build is None:
        ready, gate = look(options, tree.build)
        if ready:
            return
    boots.run(tree, options.url, options.service, options.until, wait_only=options.wait_only)
    if gate is not None:
        gate.close()


def become(command: "list[str]") -> "object":
    """Replace this process by the command. Raises NotAvailable when it is not there."""
    # Python ignores these two from its start, and a child inherits that.
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(_signal, name):
            _signal.signal(getattr(_signal, name), _signal.SIG_DFL)
    _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise errors.NotAvailable(
            f"{command[0]} cannot be run: {error.strerror}", "Check the command after `--` and the image's PATH."
        ) from error


def _terminated(number: int, frame: object) -> None:
    raise SystemExit(errors.TERMINATED)


def main(arguments: "list[str]") -> int:
    """Run the boot; return the exit code, unless the process became the command."""
    if "--help" in arguments[: _end_of_options(arguments)] or "-h" in arguments[: _end_of_options(arguments)]:
        print(USAGE, end="")
        return errors.DONE
    try:
        options = parse(arguments)
        # As PID 1 there is no default action for SIGTERM: without a handler it would be ignored.
        _signal.signal(_signal.SIGTERM, _terminated)
        _prepare(options, project_root())
        if options.command:
            become(options.command)
    except errors.Error as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return errors.INTERRUPTED
    return errors.DONE


def _end_of_options(arguments: "list[str]") -> int:
    return arguments.index("--") if "--" in arguments else len(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
