"""The entrypoint's fast path, for containers and scripts:

    python -m schemata.boot [SERVICE] [--url URL] [--wait-only] [--until ID] [--log-format FORMAT] [--verbose]
        [--on-existing-objects] [-- COMMAND...]

Wait for the database, check whether it is up to date, make the schemas and migrate if it is not, generate the
typed client of a service that has one where it does not fit the database, then become COMMAND (the same process,
so signals reach it) or exit. With nothing to do it costs one connection and one question. Every container start
comes through here: keep the imports as they are.
"""

import _thread  # `threading` is more than one thread needs
import os
import sys
import time

try:
    import _signal  # type: ignore[import-not-found]  # `signal` itself imports enum, which costs as much as the connection
except ImportError:  # another Python than CPython
    import signal as _signal

from schemata import errors
from schemata.entrypoint import boot_queue, connect
from schemata.history import up_to_date
from schemata.migrations import builds
from schemata.postgres import libpq, urls
from schemata.report import log

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself would be an import on the fast path
    from schemata.migrations import checkout

USAGE = (
    "usage: python -m schemata.boot [SERVICE] [--url URL] [--wait-only] [--until ID] [--log-format FORMAT]"
    " [--verbose] [--on-existing-objects] [-- COMMAND...]\n"
    "\n"
    "  SERVICE              the declared service that starts (named in the log; decides about the typed client)\n"
    "  --url URL            the database (default: DATABASE_URL, else the dev server)\n"
    "  --wait-only          migrate nothing: wait until this build's migrations (or --until ID) are applied\n"
    "  --until ID           migrate no further than ID, and leave the typed client as it is\n"
    "  --on-existing-objects  migrate although nothing is recorded and the schemas hold objects\n"
    "  --log-format FORMAT  text or json (default: SCHEMATA_LOG_FORMAT, else text)\n"
    "  --verbose            print every notice of the server, not the first of each migration only\n"
    "  COMMAND              the program to run in place of this one when the database is ready\n"
)


class Options:
    """The command line."""

    __slots__ = ("command", "log_format", "on_existing_objects", "service", "until", "url", "verbose", "wait_only")

    def __init__(self) -> None:
        self.service = ""
        self.url = ""
        self.log_format = ""
        self.until = ""
        self.wait_only = False
        self.on_existing_objects = False
        self.verbose = False
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
        elif word == "--on-existing-objects":
            options.on_existing_objects = True
        elif word == "--verbose":
            options.verbose = True
        elif name in ("--url", "--until", "--log-format"):
            if not equals:
                if not rest or rest[0] == "--":
                    raise errors.ConfigError(f"{name} needs a value", USAGE)
                value = rest.pop(0)
            if not value:
                raise errors.ConfigError(f"{name} is empty", USAGE)
            setattr(options, name[2:].replace("-", "_"), value)
        elif word.startswith("-"):
            raise errors.ConfigError(f"there is no option {word}", USAGE)
        elif options.service:
            raise errors.ConfigError(
                f"only one SERVICE can be started, but two are named: {options.service} and {word}", USAGE
            )
        else:
            options.service = word
    if options.wait_only and options.on_existing_objects:
        raise errors.ConfigError("--wait-only migrates nothing, so --on-existing-objects has no effect there", USAGE)
    return options


class Start:
    """One start: its options, its project, and what it learned of the database so far."""

    __slots__ = ("_checkout", "_told", "answer", "build", "lines", "major", "options", "raw_url", "root")

    def __init__(self, options: Options, root: str, lines: log.Log) -> None:
        self.options = options
        self.root = root
        self.lines = lines
        self.raw_url = options.url or os.environ.get("DATABASE_URL", "")
        self._checkout: checkout.Checkout | None = None
        self._told = False
        self.build = builds.known(root) or self.checkout().build
        self.answer: up_to_date.Answer | None = None
        self.major = 0

    def checkout(self) -> "checkout.Checkout":
        """Return the project with its settings and migrations, which most starts never read."""
        if self._checkout is None:
            from schemata.migrations import checkout  # late: most starts need none of it

            self._checkout = checkout.survey(self.root)
        return self._checkout

    def run(self) -> None:
        """Bring the database to this build, by the shortest way, and the client to the database."""
        self._check_service()
        create = os.environ.get("SCHEMATA_CREATE_DATABASE") or self.build.settings.get("create", "")
        may_create = create.strip().lower() in ("1", "true", "yes", "on")
        scheme = self.raw_url.partition("://")[0].partition("+")[0]
        if scheme not in ("postgresql", "postgres"):
            from schemata.entrypoint import start  # late: most starts need none of it

            self.raw_url, is_dev = start.target(self.checkout(), self.raw_url)
            may_create = may_create or is_dev
        connector = connect.Connector(
            urls.normalise(self.raw_url)[0], builds.retry_delays(self.build.settings), self.lines.info
        )
        self._migrate(connector, may_create)
        if self.build.expected and self.answer and (differing := up_to_date.differing(self.answer, self.build)):
            self.lines.info(
                f"the structure of {', '.join(differing)} is not what this build's migrations make;"
                " `inv parity` shows what differs"
            )
        with_client = self.build.settings.get("client_services", "").split(",")
        if self.options.service and self.options.service in with_client and not self.options.until:
            self._generate(connector)
        self.lines.ready(self.answer.last if self.answer else "")

    def _check_service(self) -> None:
        """Refuse a slip: a service under another name would start on whatever client is there."""
        if not (self.options.service and self.options.command):
            return
        known = self.build.settings.get("services", "")
        if known and self.options.service not in known.split(","):
            from schemata.entrypoint import start  # late: most starts need none of it

            start.refuse(self.options.service, known.split(","))

    def _migrate(self, connector: connect.Connector, may_create: bool) -> None:
        wait_only, until = self.options.wait_only, self.options.until
        deadline = time.monotonic() + builds.patience(self.build.settings)
        began = 0.0
        while True:
            connection, self.answer = connector.connect(
                self.build, standby_will_do=wait_only, create=may_create and not wait_only, database_may_come=wait_only
            )
            try:
                self.major = connection.server_version // 10000
                done = up_to_date.up_to_date(self.answer, self.build) and not until
                if began and done:
                    self.lines.phase("migrate", began, "another process applied the migrations")
                elif not began and (connector.tries > 1 or not done):
                    self.lines.phase("wait", self.lines.started, "the database answers")
                if done:
                    return
                began = began or time.time()
                if wait_only:
                    connection.close()
                elif not until and self._is_another_at_it(connection, connector, deadline):
                    continue
                # The session that asked does the work: who has a connection asks for no other one.
                self._work(connection, connector)
                return
            finally:
                connection.close()

    def _is_another_at_it(self, connection: libpq.Connection, connector: connect.Connector, deadline: float) -> bool:
        """Wait in the boot queue; True when there is to be looked again, False when the work is ours."""
        try:
            ours = boot_queue.await_turn(connection, self.build, deadline)
        except libpq.QueryFailed:
            return False  # the whole engine says what it is
        except libpq.ConnectionLost:
            return connector.pause()
        if ours is None:
            if not self._told:
                self._told = True
                self.lines.info("waiting for another start, which is migrating the database")
            # Not all of a crowd in the same moment.
            connection.close()
            time.sleep(0.75 + os.getpid() % 50 / 100)
        return not ours

    def _work(self, connection: libpq.Connection, connector: connect.Connector) -> None:
        # This much reads the files; the whole engine, with the parser, comes only after the boot queue.
        from schemata.entrypoint import start

        _in_c.clear()
        given = None if self.options.wait_only else connection
        used = start.run(
            self.checkout(),
            self.raw_url,
            connector,
            self.options.until,
            self.lines,
            given,
            on_existing_objects=self.options.on_existing_objects,
        )
        _in_c.append(True)
        try:
            if used is None:
                raise libpq.ConnectionLost("another process applied the migrations")
            with used:
                boot_queue.end_turn(used)
                self.answer = up_to_date.ask(used, self.build.settings["history"])
        except (libpq.ConnectionLost, libpq.QueryFailed):
            again, self.answer = connector.connect(
                self.build, standby_will_do=True, create=False, database_may_come=False
            )
            self.major = again.server_version // 10000
            again.close()

    def _generate(self, connector: connect.Connector) -> None:
        """Have the typed client generated where the one that is there does not fit, and put it first in the path."""
        # Imported here: it is for the services that have a client.
        from schemata.client import location

        locations = location.Locations(self.root, self.build.settings)
        if self.answer is None:
            return
        folder, stale = locations.choose(self.answer, self.build, self.major)
        if stale:
            from schemata.entrypoint import start  # late: most starts need none of it

            began = time.time()
            self.lines.info(f"generating the typed client in {folder}: {stale}")
            _in_c.clear()
            folder = start.generate(
                self.root, locations.targets, self.options.service, self.raw_url, self.lines.format, connector
            )
            _in_c.append(True)
            self.lines.phase("generate", began, "generated the typed client")
        location.first_on_path(folder)


def become(command: "list[str]") -> "object":
    """Replace this process by the command. Raises NotAvailable when it is not there."""
    # Python ignores these two from its start, and a child inherits that. What is caught gets its default action.
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(_signal, name):
            _signal.signal(getattr(_signal, name), _signal.SIG_DFL)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise errors.NotAvailable(
            f"{command[0]} cannot be run: {error.strerror}", "Check the command after `--` and the image's PATH."
        ) from error


#: Holds something while nothing has to be cleaned up: then a signal may end us in the middle of anything.
_in_c: "list[bool]" = []


def _terminated(number: int, frame: object) -> None:
    raise SystemExit(errors.TERMINATED)


def _heed_signals() -> None:
    """End with 143 on SIGTERM at any moment.

    As process 1 there is no default action: without a handler it would be ignored. A handler of Python's runs
    between two of its instructions, so never while libpq looks up a name: then a thread ends us.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    _signal.signal(_signal.SIGTERM, _terminated)
    _signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    _in_c.append(True)
    _thread.start_new_thread(_end_in_time, (reading,))


def _end_in_time(reading: int) -> None:
    while os.read(reading, 1)[0] != _signal.SIGTERM:
        pass
    time.sleep(0.3)
    if _in_c:
        os._exit(errors.TERMINATED)


def main(arguments: "list[str]") -> int:
    """Run the boot; return the exit code, unless the process became the command."""
    started = time.time()
    if "--help" in arguments[: _end_of_options(arguments)] or "-h" in arguments[: _end_of_options(arguments)]:
        print(USAGE, end="")
        return errors.DONE
    lines = log.Log(os.environ.get("SCHEMATA_LOG_FORMAT", ""), "", started)
    try:
        options = parse(arguments)
        lines.service = options.service
        lines.format = options.log_format or lines.format or "text"
        lines.verbose = options.verbose
        if lines.format not in log.FORMATS:
            raise errors.ConfigError(f"{lines.format!r} is not a log format", "Write text or json.")
        _heed_signals()
        Start(options, builds.project_root(), lines).run()
        if options.command:
            become(options.command)
    except errors.Error as error:
        lines.failed(type(error).__name__, error.message, error.hint, error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        return errors.INTERRUPTED
    except SystemExit as end:
        if end.code == errors.TERMINATED:
            lines.info("stopped by SIGTERM before it was ready", "stopped")
        raise
    return errors.DONE


def _end_of_options(arguments: "list[str]") -> int:
    return arguments.index("--") if "--" in arguments else len(arguments)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    # Nothing is left to wind up, which would take a tenth of a start.
    os._exit(code)
